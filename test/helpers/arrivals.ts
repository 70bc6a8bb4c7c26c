import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { within } from './until.ts';

/** When bytes came, in ms of CLOCK_MONOTONIC, and how many. */
export type Arrival = [atMs: number, bytes: number];

/** CLOCK_MONOTONIC in ms, which all threads share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A viewer in a thread of its own. */
export class ThreadViewer {
  readonly #worker: Worker;

  constructor(port: number, path: string) {
    this.#worker = new Worker(new URL('../fixtures/arrivals.worker.mjs', import.meta.url), {
      workerData: { port, path },
    });
  }

  /** What has come since the last call. */
  async arrivals(): Promise<Arrival[]> {
    const answer = once(this.#worker, 'message') as Promise<[Arrival[]]>;
    this.#worker.postMessage('report');
    return (await within("the viewer's report", answer))[0];
  }

  /** Leaves, and ends the thread. */
  async leave(): Promise<void> {
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage('leave');
    await within("the end of the viewer's thread", ended);
  }
}

/** The longest time without a byte in a period. */
export function longestGapMs(arrivals: readonly Arrival[], fromMs: number, untilMs: number): number {
  const times = [fromMs, ...arrivals.map(([atMs]) => atMs).filter(atMs => atMs > fromMs && atMs < untilMs), untilMs];
  return Math.max(...times.slice(1).map((atMs, i) => atMs - times[i]!));
}
