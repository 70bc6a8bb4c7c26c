import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const WORKER = new URL('../../workers/demo-engine.worker.js', import.meta.url);

/** What the built-in stand-in engine says once it listens (workers/demo-engine.worker.ts). */
interface Listening {
  host: string;
  port: number;
  contents: readonly { contentId: string; name: string }[];
}

/** The stand-in engine that serves the demo when no engine is configured: a thread, reached over HTTP like a real one. */
export class Demo {
  readonly #worker: Worker;
  /** Where the stand-in is reached. */
  readonly engineUrl: string;
  /** What there is to watch. */
  readonly contents: Listening['contents'];

  private constructor(worker: Worker, { host, port, contents }: Listening) {
    this.#worker = worker;
    this.engineUrl = `http://${host}:${port}`;
    this.contents = contents;
  }

  /** Starts the stand-in; rejects when its thread ends before it listens. */
  static async start(): Promise<Demo> {
    const worker = new Worker(WORKER, { workerData: { host: '127.0.0.1', port: 0 }, name: 'sluice-demo-engine' });
    const [listening] = (await once(worker, 'message')) as [Listening];
    return new Demo(worker, listening);
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
