import { closeSync, openSync, readdirSync } from 'node:fs';
import koffi from 'koffi';

const RLIMIT_NOFILE = 7;

/** Runs `action` while this process may have only `limit` descriptors; fewer than are open means that none can be added. */
export function withDescriptorLimit<Result>(limit: number, action: () => Result): Result {
  const prlimit = koffi.load(null).func('int prlimit(int pid, int resource, uint64_t *limits, uint64_t *before)');
  const before = new BigUint64Array(2);
  if (prlimit(0, RLIMIT_NOFILE, null, before) !== 0) throw new Error('the limit can’t be read');
  const set = (soft: bigint): void => {
    if (prlimit(0, RLIMIT_NOFILE, BigUint64Array.of(soft, before[1]!), null) !== 0)
      throw new Error('the limit can’t be set');
  };
  set(BigInt(limit));
  try {
    return action();
  } finally {
    set(before[0]!);
  }
}

/** How many descriptors are open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Opens descriptors until there are no more, or `most` were opened. @returns how many could be opened; they are closed */
export function spareDescriptors(most: number): number {
  const opened: number[] = [];
  try {
    while (opened.length < most) opened.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  }
  for (const fd of opened) closeSync(fd);
  return opened.length;
}
