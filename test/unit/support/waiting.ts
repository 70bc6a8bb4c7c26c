import { setImmediate as turn } from 'node:timers/promises';

const DEADLINE_MS = 10_000;

/** Waits for `promise`, but fails with `label` instead of hanging. */
export async function within<Value>(label: string, promise: Promise<Value>, deadlineMs = DEADLINE_MS): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${label}: nothing within ${deadlineMs} ms`)), deadlineMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Turns the event loop until `reached`; fails with `label` and what `reached` says is still missing. */
export async function until(label: string, reached: () => boolean | string, deadlineMs = DEADLINE_MS): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    const missing = reached();
    if (missing === true) return;
    if (performance.now() - startedMs > deadlineMs)
      throw new Error(`${label}: not within ${deadlineMs} ms${missing === false ? '' : ` (${missing})`}`);
    await turn();
  }
}

/** What `action` throws, or rejects with; fails when it does neither. */
export async function failureOf(action: () => unknown): Promise<unknown> {
  let result: unknown;
  try {
    result = await action();
  } catch (error) {
    return error;
  }
  throw new Error(`expected a failure, got ${JSON.stringify(result)}`);
}
