import { readFileSync } from 'node:fs';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import { hasPcr, readPcrBase, TIMESTAMP_MODULO } from '../../src/shared/timestamps.ts';
import { TsLoop } from '../../src/shared/ts-loop.ts';

/** How long a round of `slate.mpegts` plays: 400 frames at 25/s, 2000 packets at 188 000 bit/s. */
const ROUND_SECONDS = 16;
/** How often packets are due; few enough bytes that nobody notices the steps. */
const TICK_MS = 100;
/** What is sent ahead of its time, so that a picture is there at once. */
const HEAD_START_MS = 1_000;
/** Longest stretch that is caught up with after a timer was late. */
const MAX_CATCH_UP_MS = 10_000;

let clip: TsLoop | undefined;

/** The clip (see `make-slate.sh`) as an endless stream; read from the disk at first use. */
function loop(): TsLoop {
  clip ??= new TsLoop(readFileSync(new URL('./slate.mpegts', import.meta.url)), ROUND_SECONDS);
  return clip;
}

/** The time that a slate goes by. */
export interface SlateClock {
  /** Monotonic clock in ms. */
  now(): number;
  /** Calls back every `ms` until the function it returns is called. */
  every(ms: number, callback: () => void): () => void;
}

const SYSTEM_CLOCK: SlateClock = {
  now: () => performance.now(),
  every(ms, callback) {
    const timer = setInterval(callback, ms);
    return () => clearInterval(timer);
  },
};

/** What the loop's clock shows at its position 0, in 90 kHz ticks. */
function clockAtStart(slate: TsLoop): number {
  const packet = Buffer.alloc(PACKET_BYTES);
  for (let position = 0; position < slate.loopPackets; position++) {
    slate.fill(packet, position, 1, 0);
    if (hasPcr(packet, 0)) return readPcrBase(packet, 6) - Math.round((position / slate.packetsPerSecond) * 90_000);
  }
  throw new Error('the slate has no clock');
}

/**
 * Plays "be right back" at its own pace for as long as there is nothing else to show. Every start begins with tables and
 * a key frame; times and continuity counters go on over the rounds, and from one start to the next.
 */
export class Slate {
  readonly #emit: (run: Buffer) => void;
  readonly #clock: SlateClock;
  #cancel: (() => void) | undefined;
  /** Packets played so far, with those of rounds that were left out. */
  #position = 0;
  /** Where in the loop the present playing began, and when; at that moment a head start was due already. */
  #startPosition = 0;
  #startMs = 0;
  #shiftTicks = 0;

  /** @param emit gets runs of whole packets, which it may change; a run is only valid during the call */
  constructor(emit: (run: Buffer) => void, clock: SlateClock = SYSTEM_CLOCK) {
    this.#emit = emit;
    this.#clock = clock;
  }

  /** Whether it plays. */
  get playing(): boolean {
    return this.#cancel !== undefined;
  }

  /**
   * Begins to play, if it does not yet.
   * @param pcr what the program's clock is to show first, in 27 MHz ticks, so that it does not jump
   */
  start(pcr?: number): void {
    if (this.playing) return;
    const { loopPackets } = loop();
    this.#startPosition = Math.ceil(this.#position / loopPackets) * loopPackets;
    this.#position = this.#startPosition;
    this.#startMs = this.#clock.now();
    if (pcr !== undefined) {
      const playedTicks = (this.#startPosition / loopPackets) * ROUND_SECONDS * 90_000;
      this.#shiftTicks = (Math.floor(pcr / 300) - clockAtStart(loop()) - playedTicks) % TIMESTAMP_MODULO;
    }
    this.#cancel = this.#clock.every(TICK_MS, () => this.#tick());
    this.#tick();
  }

  /** Stops playing. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Sends what is due by now. The clock says how much that is, so late timers lose nothing and no error adds up. */
  #tick(): void {
    const nowMs = this.#clock.now();
    const { packetsPerSecond } = loop();
    const dueAt = (): number =>
      this.#startPosition + Math.floor(((nowMs - this.#startMs + HEAD_START_MS) * packetsPerSecond) / 1000);
    const lateMs = ((dueAt() - this.#position) / packetsPerSecond) * 1000;
    if (lateMs > MAX_CATCH_UP_MS) this.#startMs += lateMs - MAX_CATCH_UP_MS; // The machine slept, say.
    const count = dueAt() - this.#position;
    if (count <= 0) return;
    const packets = Buffer.allocUnsafe(count * PACKET_BYTES);
    loop().fill(packets, this.#position, count, this.#shiftTicks);
    this.#position += count;
    this.#emit(packets);
  }
}
