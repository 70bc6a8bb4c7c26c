import type { EngineStat } from '../../../src/engine/engine-wire.ts';
import { SluiceError } from '../../../src/shared/errors.ts';

/** Limits of a start. */
export interface StartLimits {
  /** From the start to the first byte. */
  startTimeoutMs: number;
  /** How long a start may go on without a peer and without a downloaded byte. */
  startStalledTimeoutMs: number;
}

/**
 * Tells a slow start from a dead one by the engine's statistics (acestream-engine-api 6.1): growth keeps waiting up to
 * the budget, nothing at all ends early.
 */
export class StartWatch {
  readonly #limits: StartLimits;
  readonly #startedMs: number;
  #aliveMs: number;
  #downloadedBytes = 0;
  #last: EngineStat | undefined;

  /** @param nowMs when the start began, on the clock that {@link observe} is given */
  constructor(limits: StartLimits, nowMs: number) {
    this.#limits = limits;
    this.#startedMs = nowMs;
    this.#aliveMs = nowMs;
  }

  /** Milliseconds of the start budget that are left. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#limits.startTimeoutMs - (nowMs - this.#startedMs));
  }

  /**
   * Takes one look.
   * @param stat what the engine said, or undefined when it gave no usable answer this time
   * @returns whether data flows, so that playback will answer
   * @throws SluiceError `no_peers` or `start_timeout`
   */
  observe(stat: EngineStat | undefined, nowMs: number): boolean {
    if (stat !== undefined) {
      this.#last = stat;
      if (stat.peers > 0 || stat.downloadedBytes > this.#downloadedBytes) this.#aliveMs = nowMs;
      this.#downloadedBytes = Math.max(this.#downloadedBytes, stat.downloadedBytes);
      if (stat.status === 'dl') return true;
    }
    if (this.remainingMs(nowMs) === 0) throw this.timeout();
    if (stat !== undefined && nowMs - this.#aliveMs >= this.#limits.startStalledTimeoutMs)
      throw new SluiceError(
        'no_peers',
        `Nobody is sharing this content: no peers and no byte for ${this.#limits.startStalledTimeoutMs / 1000} s.`,
      );
    return false;
  }

  /** The error for a start that used up its budget. */
  timeout(): SluiceError {
    const seen =
      this.#last === undefined
        ? 'the engine gave no statistics'
        : `the engine says '${this.#last.status}', ${this.#last.peers} peers, ${this.#last.downloadedBytes} bytes`;
    return new SluiceError(
      'start_timeout',
      `The stream did not start within ${this.#limits.startTimeoutMs / 1000} s; ${seen}.`,
    );
  }
}
