/** What a turn at writing brought: everything is out, there is more at once, or time was up before all had theirs. */
export type FlushResult = 'done' | 'more' | 'unfinished';

/** Something with bytes to hand out to several readers. */
export interface Flushable {
  /**
   * Hands out what there is, each reader once a round.
   * @param untilMs when to stop; the next call goes on with the readers who have not had their turn
   */
  flush(untilMs: number): FlushResult;
}

/** A round begins this many times what the last one took after it began: writing takes a quarter of the thread. */
export const PERIOD_PER_ROUND = 4;
/**
 * How long writing may keep the thread at a stretch. Between two stretches new bytes come in, which readers who are
 * still to have their turn get at once.
 */
const STRETCH_MS = 2;

/**
 * Decides when bytes go out. An idle shard sends at once; a busy one lets bytes gather, because one large write costs
 * little more than a small one. The time from one round to the next grows with the cost of a round, and is capped by a
 * latency budget: no reader waits longer than that from one write to the next.
 */
export class FlushScheduler {
  readonly #budgetMs: number;
  readonly #onRound: (tookMs: number) => void;
  readonly #now: () => number;
  /** Who is part of the next round. */
  #dirty = new Set<Flushable>();
  /** Who is still to be served in the present round. */
  #round = new Set<Flushable>();
  #scheduled = false;
  #beganMs = 0;
  #tookMs = 0;
  #notBeforeMs = 0;

  /**
   * @param budgetMs longest time between two writes to one reader; 0 sends everything at once
   * @param onRound told how much time each round took
   */
  constructor(budgetMs: number, onRound: (tookMs: number) => void, now: () => number = () => performance.now()) {
    this.#budgetMs = budgetMs;
    this.#onRound = onRound;
    this.#now = now;
  }

  /** Says that `target` has bytes to hand out. */
  markDirty(target: Flushable): void {
    this.#dirty.add(target);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const waitMs = this.#notBeforeMs - this.#now();
    // An immediate runs after everything that arrived in this turn of the event loop.
    if (waitMs < 1) setImmediate(this.#begin);
    else setTimeout(this.#begin, waitMs);
  }

  readonly #begin = (): void => {
    const round = this.#dirty;
    this.#dirty = this.#round;
    this.#round = round;
    this.#tookMs = 0;
    this.#beganMs = this.#now();
    this.#stretch();
  };

  readonly #stretch = (): void => {
    const startedMs = this.#now();
    const untilMs = startedMs + STRETCH_MS;
    for (const target of this.#round) {
      const result = target.flush(untilMs);
      if (result === 'unfinished') break;
      this.#round.delete(target);
      if (result === 'more') this.#dirty.add(target);
      if (this.#now() >= untilMs) break;
    }
    const endedMs = this.#now();
    this.#tookMs += endedMs - startedMs;
    if (this.#round.size > 0) setImmediate(this.#stretch);
    else this.#end();
  };

  #end(): void {
    this.#onRound(this.#tookMs);
    this.#notBeforeMs = this.#beganMs + Math.min(this.#budgetMs, this.#tookMs * PERIOD_PER_ROUND);
    this.#scheduled = false; // Only now: what became dirty meanwhile waits for the new deadline.
    const [next] = this.#dirty;
    if (next !== undefined) this.markDirty(next);
  }
}
