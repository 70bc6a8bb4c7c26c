import type { EngineStat } from '../../../src/engine/engine-wire.ts';
import { SluiceError } from '../../../src/shared/errors.ts';

/** Limits of a running session. */
export interface LiveLimits {
  /** Silence after which the engine is asked what is wrong. */
  stallTimeoutMs: number;
  /** Silence after which playback is opened anew, whatever the engine says. */
  emptyTimeoutMs: number;
}

/** Looks in a row without an answer after which the engine counts as gone. */
const DEAF_LOOKS = 3;
/** Looks in a row that show a stream's worth of progress, while no byte comes, after which playback is what hangs. */
const BUSY_LOOKS = 3;
/** Less is no stream: gaps of a minute at 2 to 19 KB/s are what peers are like (acestream-engine-api 4.5). */
const BUSY_BYTES_PER_SECOND = 32_000;
/** A live position that stands still for this many stall timeouts while bytes flow is a loop. */
const FROZEN_STALLS = 3;

/**
 * Tells a stream that pauses from one that is dead, by two signals (acestream-engine-api 4.5, 6.1): bytes, and the
 * session's statistics. Silence alone is no reason to begin anew; neither do bytes alone mean that all is well.
 */
export class LiveWatch {
  readonly #limits: LiveLimits;
  #byteMs: number;
  #deafLooks = 0;
  #busyLooks = 0;
  #downloadedBytes = 0;
  /** When that was told. */
  #downloadedMs: number;
  #position: number | undefined;
  #movedMs: number;

  /** @param nowMs when the session began to flow, on the clock that the others are given */
  constructor(limits: LiveLimits, nowMs: number) {
    this.#limits = limits;
    this.#byteMs = nowMs;
    this.#movedMs = nowMs;
    this.#downloadedMs = nowMs;
  }

  /** Bytes came. */
  flowed(nowMs: number): void {
    this.#byteMs = nowMs;
  }

  /** Whether the engine should be asked often, because no byte came for too long. */
  isSilent(nowMs: number): boolean {
    return nowMs - this.#byteMs >= this.#limits.stallTimeoutMs;
  }

  /**
   * Takes one look.
   * @param stat what the engine said, or undefined when it gave no usable answer this time
   * @returns why the session should be read in another way, or undefined while it is fine or may yet be
   */
  observe(stat: EngineStat | undefined, nowMs: number): SluiceError | undefined {
    this.#deafLooks = stat === undefined ? this.#deafLooks + 1 : 0;
    const busy = stat !== undefined && this.#downloaded(stat.downloadedBytes, nowMs);
    const moved = stat === undefined || this.#follow(stat.livePosition, nowMs);
    return this.isSilent(nowMs) ? this.#diagnose(busy, nowMs) : this.#frozen(moved, nowMs);
  }

  /** @returns whether as much came since the last look as a stream needs */
  #downloaded(bytes: number, nowMs: number): boolean {
    const bytesPerSecond = ((bytes - this.#downloadedBytes) * 1000) / Math.max(1, nowMs - this.#downloadedMs);
    this.#downloadedBytes = bytes;
    this.#downloadedMs = nowMs;
    return bytesPerSecond >= BUSY_BYTES_PER_SECOND;
  }

  /** @returns whether the live position moved, or there is none to tell by */
  #follow(position: number | undefined, nowMs: number): boolean {
    const moved = position === undefined || position !== this.#position;
    this.#position = position;
    if (moved) this.#movedMs = nowMs;
    return moved;
  }

  #diagnose(busy: boolean, nowMs: number): SluiceError | undefined {
    this.#movedMs = nowMs; // Without bytes there is nothing to move it.
    this.#busyLooks = busy ? this.#busyLooks + 1 : 0;
    const silentSeconds = Math.round((nowMs - this.#byteMs) / 1000);
    if (this.#deafLooks >= DEAF_LOOKS)
      return new SluiceError('engine_silent', `The engine sends nothing, and does not say why (${silentSeconds} s).`);
    if (this.#busyLooks >= BUSY_LOOKS)
      return new SluiceError('source_stalled', `The engine downloads, but hands nothing on (${silentSeconds} s).`);
    if (nowMs - this.#byteMs >= this.#limits.emptyTimeoutMs)
      return new SluiceError('source_stalled', `The engine sent no byte for ${silentSeconds} s.`);
    return undefined;
  }

  #frozen(moved: boolean, nowMs: number): SluiceError | undefined {
    this.#busyLooks = 0;
    const stoodMs = nowMs - this.#movedMs;
    if (moved || stoodMs < this.#limits.stallTimeoutMs * FROZEN_STALLS) return undefined;
    return new SluiceError(
      'source_frozen',
      `Bytes flow, but the live position has stood still for ${Math.round(stoodMs / 1000)} s.`,
    );
  }
}
