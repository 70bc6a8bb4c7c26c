import { SluiceError } from '../shared/errors.ts';

/**
 * Lets a few tasks run at once and the others wait, first come, first served. Each hash holds a thread that files and
 * names are waiting for, too, and tens of megabytes.
 */
export class HashQueue {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * @param atOnce tasks that run at once
   * @param maxWaiting tasks that may wait
   */
  constructor(atOnce = 2, maxWaiting = 256) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Runs `task` when it is its turn.
   * @throws SluiceError `login_throttled` when too many wait already, and what the task throws
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting)
        throw new SluiceError('login_throttled', 'Too many passwords are being checked at once; try again.');
      // Whoever ends hands its place over, so nobody can slip in between.
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
