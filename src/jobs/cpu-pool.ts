/** Work for the processor, in a thread of its own: parsing and bulk writing. Live bytes never come here. */
import { once } from 'node:events';
import { Piscina } from 'piscina';
import { withLink } from './job-link.ts';

/** How a job is run. */
export interface JobOptions {
  /** Takes the job out of the queue, or tells it to stop. */
  signal?: AbortSignal;
  /** Told what the job reports while it works. */
  onProgress?: (progress: unknown) => void;
}

/** The thread goes this soon after its last job: jobs come minutes apart, and a thread costs memory. */
const IDLE_TIMEOUT_MS = 3_000;

/** Runs jobs one after another. Shards keep the other cores to themselves. */
export class CpuPool {
  readonly #piscina = new Piscina({
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_TIMEOUT_MS,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  readonly #closing = new AbortController();
  /** Fulfilled when all jobs that were ordered so far have ended. */
  #idle: Promise<unknown> = Promise.resolve();

  /**
   * Runs `workers/jobs/<name>.job.js`. It settles when the job has ended, and not before: a job that shall stop may have
   * been done with its work by then, and answers.
   * @throws whatever the job throws, or an AbortError
   */
  async run<Answer>(
    name: string,
    request: object,
    { signal = this.#closing.signal, onProgress = () => {} }: JobOptions = {},
  ): Promise<Answer> {
    // By hand, because AbortSignal.any() keeps something for each job as long as the pool lasts.
    const stop = new AbortController();
    const end = (): void => stop.abort();
    const stoppers = [signal, this.#closing.signal];
    for (const stopper of stoppers) {
      stopper.throwIfAborted();
      stopper.addEventListener('abort', end);
    }
    const turn = this.#idle;
    const job = turn.then(() => this.#start<Answer>(name, request, stop.signal, onProgress));
    this.#idle = job.catch(() => {});
    try {
      await stoppable(turn, stop.signal);
      return await job;
    } finally {
      for (const stopper of stoppers) stopper.removeEventListener('abort', end);
    }
  }

  /** Stops all jobs, and ends the thread when they have ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#idle;
    await this.#piscina.destroy();
  }

  async #start<Answer>(
    name: string,
    request: object,
    stop: AbortSignal,
    onProgress: (progress: unknown) => void,
  ): Promise<Answer> {
    stop.throwIfAborted();
    const filename = new URL(`../../workers/jobs/${name}.job.js`, import.meta.url).href;
    return await withLink<Answer>(stop, onProgress, port =>
      this.#piscina.run({ request, port }, { filename, transferList: [port as never] }),
    );
  }
}

/** Waits no longer than until `stop`. @throws AbortError */
async function stoppable(waiting: Promise<unknown>, stop: AbortSignal): Promise<void> {
  const over = new AbortController();
  const stopped = once(stop, 'abort', { signal: over.signal }).then(
    () => stop.throwIfAborted(),
    () => {}, // The waiting was over before.
  );
  try {
    await Promise.race([waiting, stopped]);
  } finally {
    over.abort();
  }
}
