/** Work for the processor, in threads of its own: parsing and bulk writing. Live bytes never come here. */
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';

/** How a job is run. */
export interface JobOptions {
  /** Ends the job; its thread is ended with it. */
  signal?: AbortSignal;
  /** Told what the job posts while it works. */
  onProgress?: (progress: unknown) => void;
}

/** Threads go this soon after their last job: jobs come minutes apart, and a thread costs memory. */
const IDLE_TIMEOUT_MS = 3_000;

/** Runs jobs, a few at a time. Shards keep the other cores to themselves. */
export class CpuPool {
  readonly #piscina: Piscina;

  /** @param threads most jobs at once */
  constructor(threads = 1) {
    this.#piscina = new Piscina({
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_TIMEOUT_MS,
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
  }

  /**
   * Runs `workers/jobs/<name>.job.js`.
   * @throws whatever the job throws, or an AbortError
   */
  async run<Answer>(name: string, request: object, { signal, onProgress }: JobOptions = {}): Promise<Answer> {
    const filename = new URL(`../../workers/jobs/${name}.job.js`, import.meta.url).href;
    const channel = onProgress === undefined ? undefined : new MessageChannel();
    try {
      if (channel !== undefined) channel.port1.on('message', onProgress!);
      const task = channel === undefined ? { request } : { request, progress: channel.port2 };
      const transferList = channel === undefined ? [] : [channel.port2];
      return (await this.#piscina.run(task, {
        filename,
        signal: signal ?? null,
        transferList: transferList as never,
      })) as Answer;
    } finally {
      channel?.port1.close();
    }
  }

  /** Ends all threads, jobs included. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
