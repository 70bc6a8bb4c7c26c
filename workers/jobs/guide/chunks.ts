import { setTimeout as delay } from 'node:timers/promises';

/** Rows that are written, or deleted, in one go: some tens of milliseconds. */
export const CHUNK_ROWS = 2_000;
const MIN_PAUSE_MS = 5;

/**
 * Does one chunk of bulk work, and then nothing for as long. Whoever waits for the lock sleeps between two looks, so a
 * lock that is free for a moment only is never got.
 * @throws AbortError between two chunks
 */
export async function yielding<Result>(signal: AbortSignal, work: () => Result): Promise<Result> {
  const startedMs = performance.now();
  const result = work();
  await delay(Math.max(MIN_PAUSE_MS, performance.now() - startedMs), undefined, { signal });
  return result;
}
