/** Delays that double from `firstMs` to `maxMs`, each spread by ±25 % so that many waiters don't act at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempts = 0;

  /** @param random a source of numbers in [0, 1), for tests */
  constructor(firstMs: number, maxMs: number, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** How many delays were handed out since the last {@link reset}. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next delay in milliseconds. */
  nextMs(): number {
    const plain = Math.min(this.#maxMs, this.#firstMs * 2 ** this.#attempts++);
    return plain * (0.75 + this.#random() / 2);
  }

  /** Begins anew after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
