/** Something with bytes to hand out. */
export interface Flushable {
  /** Hands out what there is. @returns whether there is more to do at once */
  flush(nowMs: number): boolean;
}

/** The next pause is this many times what the last pass took: flushing then takes a quarter of the thread at most. */
const PAUSE_PER_PASS = 3;

/**
 * Decides when bytes go out. An idle shard sends at once; a busy one lets bytes gather, because one large write costs
 * little more than a small one. The pause grows with the cost of the last pass and is capped by a latency budget.
 */
export class FlushScheduler {
  readonly #budgetMs: number;
  readonly #onPass: (tookMs: number) => void;
  readonly #now: () => number;
  #dirty = new Set<Flushable>();
  #spare = new Set<Flushable>();
  #scheduled = false;
  #notBeforeMs = 0;

  /**
   * @param budgetMs longest pause between two passes; 0 sends everything at once
   * @param onPass told how long each pass took
   */
  constructor(budgetMs: number, onPass: (tookMs: number) => void, now: () => number = () => performance.now()) {
    this.#budgetMs = budgetMs;
    this.#onPass = onPass;
    this.#now = now;
  }

  /** Says that `target` has bytes to hand out. */
  markDirty(target: Flushable): void {
    this.#dirty.add(target);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const waitMs = this.#notBeforeMs - this.#now();
    // An immediate runs after everything that arrived in this turn of the event loop.
    if (waitMs < 1) setImmediate(this.#pass);
    else setTimeout(this.#pass, waitMs);
  }

  readonly #pass = (): void => {
    const startedMs = this.#now();
    const targets = this.#dirty;
    this.#dirty = this.#spare;
    this.#spare = targets;
    for (const target of targets) if (target.flush(startedMs)) this.#dirty.add(target);
    targets.clear();
    const endedMs = this.#now();
    const tookMs = endedMs - startedMs;
    this.#onPass(tookMs);
    this.#notBeforeMs = endedMs + Math.min(this.#budgetMs, tookMs * PAUSE_PER_PASS);
    this.#scheduled = false; // Only now: what became dirty meanwhile waits for the new deadline.
    if (this.#dirty.size > 0) this.#schedule();
  };
}
