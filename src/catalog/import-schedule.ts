/** Says when imports are due. */
import { Backoff } from '../shared/backoff.ts';

/** Lists of one provider shall not all be read in the same second, nor those of all gateways at midnight. */
const JITTER = 0.1;
/** Soon after the start, yet not in its way. */
const FIRST_DELAY_MS = 1_000;
const FIRST_RETRY_MS = 60_000;

/** What is to be read when. */
export interface Scheduled {
  id: number;
  intervalS: number;
  lastRunAt: number | null;
}

/** One timer for each import that is enabled. */
export class ImportSchedule {
  readonly #due: (id: number) => void;
  readonly #random: () => number;
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #retries = new Map<number, Backoff>();

  /** @param due told when an import is to be read; it is scheduled anew with {@link after} */
  constructor(due: (id: number) => void, random: () => number = Math.random) {
    this.#due = due;
    this.#random = random;
  }

  /** Schedules an import by when it was read last. */
  plan({ id, intervalS, lastRunAt }: Scheduled): void {
    const intervalMs = intervalS * 1000;
    // Clocks may have been set back since.
    const agoMs = lastRunAt === null ? Number.POSITIVE_INFINITY : Math.max(0, Date.now() - lastRunAt * 1000);
    this.#arm(id, Math.max(FIRST_DELAY_MS * (1 + this.#random()), intervalMs - agoMs));
  }

  /** Schedules the next reading after one that ended just now. */
  after({ id, intervalS }: Scheduled, failed: boolean): void {
    const intervalMs = intervalS * 1000;
    if (!failed) {
      this.#retries.delete(id);
      this.#arm(id, intervalMs * (1 + JITTER * this.#random()));
      return;
    }
    const retry = this.#retries.get(id) ?? new Backoff(FIRST_RETRY_MS, intervalMs, this.#random);
    this.#retries.set(id, retry);
    this.#arm(id, retry.nextMs());
  }

  /** An import is not to be read by itself any more. */
  drop(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.#retries.delete(id);
  }

  /** Nothing is due any more. */
  close(): void {
    for (const id of [...this.#timers.keys()]) this.drop(id);
  }

  #arm(id: number, delayMs: number): void {
    clearTimeout(this.#timers.get(id));
    const timer = setTimeout(() => this.#due(id), delayMs);
    timer.unref();
    this.#timers.set(id, timer);
  }
}
