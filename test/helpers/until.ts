import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 5;

/**
 * Waits for something to become true, for what gives no sign of its own.
 * @param label what is waited for, named when it does not come
 * @param probe returns the awaited value, or undefined/false while it isn't there
 */
export async function until<T>(
  label: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 10_000,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= endMs) throw new Error(`waited ${deadlineMs} ms in vain: ${label}`);
    await delay(POLL_MS);
  }
}

/** Rejects when `promise` takes too long, naming what was waited for. */
export async function within<T>(label: string, promise: Promise<T>, deadlineMs = 10_000): Promise<T> {
  const timer = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${deadlineMs} ms in vain: ${label}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
