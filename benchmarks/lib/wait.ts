/** Waiting that always ends, and says what it waited for. */
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** A wait that took longer than its deadline. */
export class DeadlineError extends Error {
  override name = 'DeadlineError';
}

/** Settles as `promise` does, or fails with the label after `deadlineMs`. */
export async function withDeadline<T>(label: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: over.signal }).then(() => {
    throw new DeadlineError(`${label}: nothing after ${deadlineMs} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
    late.catch(() => {});
  }
}

/** Asks `check` again and again until it says true; false when the deadline passes first. */
export async function became(deadlineMs: number, intervalMs: number, check: () => boolean): Promise<boolean> {
  const endMs = performance.now() + deadlineMs;
  while (!check()) {
    if (performance.now() > endMs) return false;
    await sleep(intervalMs);
  }
  return true;
}
