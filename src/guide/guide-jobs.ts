import type { JobRunner } from '../catalog/imports.ts';
import { SluiceError } from '../shared/errors.ts';
import type { GuideJobs, GuideProgress, GuideRequest, Settled } from './guide-job.ts';

/** A request without the database's path, which is the same for all. */
type Without<Request> = Request extends GuideRequest ? Omit<Request, 'database'> : never;

/** Where jobs run. */
export interface GuidePools {
  /** For readings, which wait for servers, for minutes if need be. */
  readonly readings: JobRunner;
  /** For everything else: players wait for it. */
  readonly quick: JobRunner;
}

/** Runs the guide's jobs in threads of their own, until it is closed. */
export class GuideJobRunner {
  readonly #pools: GuidePools;
  readonly #database: string;
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** @param database its file: jobs open it themselves */
  constructor(pools: GuidePools, database: string) {
    this.#pools = pools;
    this.#database = database;
  }

  /** Whether what fails now fails because of that. */
  get isClosing(): boolean {
    return this.#ending.signal.aborted;
  }

  /** @throws SluiceError what the job says, or whatever went wrong with it */
  async run<Type extends keyof GuideJobs>(
    request: Without<GuideJobs[Type]['request']> & { type: Type },
    onProgress: (progress: GuideProgress) => void = () => {},
  ): Promise<GuideJobs[Type]['answer']> {
    if (this.isClosing) throw new SluiceError('shutting_down', 'The gateway is shutting down.');
    const pool = request.type === 'import' || request.type === 'preview' ? this.#pools.readings : this.#pools.quick;
    const running = pool.run<Settled<GuideJobs[Type]['answer']>>(
      'guide',
      { ...request, database: this.#database },
      { signal: this.#ending.signal, onProgress: progress => onProgress(progress as GuideProgress) },
    );
    this.#running.add(running);
    try {
      const settled = await running;
      if ('failure' in settled) throw SluiceError.fromWire(settled.failure);
      return settled.answer;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Stops every job; transactions that were open are undone. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#running);
  }
}
