import { PACKET_BYTES, pidOf, startsUnit } from '../../src/shared/mpegts.ts';
import { TsLoop } from '../../src/shared/ts-loop.ts';
import type { PacketSource } from './packet-source.ts';
import { VIDEO_PID } from './packets.ts';
import { FRAMES_PER_GOP, syntheticGop } from './synthetic-gop.ts';

/** Least bit rate of a synthetic stream: room for tables, picture, sound and one stamped packet in every frame. */
export const MIN_BITS_PER_SECOND = FRAMES_PER_GOP * 5 * PACKET_BYTES * 8;

/** Sources by packets a second: a hundred streams of one rate share one template. */
const sources = new Map<number, SyntheticSource>();

/**
 * A deterministic stamped stream for measuring. Every video packet that doesn't start a PES packet carries, from its
 * byte 4: "TSMP", CLOCK_MONOTONIC in nanoseconds when it was made (8 bytes, little-endian), and a sequence number that
 * counts such packets (4 bytes, little-endian), which is a function of the position in the stream.
 */
class SyntheticSource implements PacketSource {
  readonly packetsPerSecond: number;
  readonly loopPackets: number;
  readonly #loop: TsLoop;
  /** For each packet of the loop its number among the stamped ones, or -1. */
  readonly #ordinals: Int32Array;
  readonly #stampsPerRound: number;

  constructor(packetsPerSecond: number) {
    const gop = syntheticGop(packetsPerSecond);
    let stamps = 0;
    this.#ordinals = Int32Array.from({ length: packetsPerSecond }, (_, index) => {
      const at = index * PACKET_BYTES;
      if (pidOf(gop, at) !== VIDEO_PID || startsUnit(gop, at)) return -1;
      gop.write('TSMP', at + 4, 'latin1');
      return stamps++;
    });
    this.#stampsPerRound = stamps;
    this.#loop = new TsLoop(gop, 1);
    this.packetsPerSecond = this.loopPackets = packetsPerSecond;
  }

  fill(target: Buffer, position: number, count: number, shiftTicks: number): void {
    this.#loop.fill(target, position, count, shiftTicks);
    const now = process.hrtime.bigint();
    const low = Number(now & 0xffffffffn);
    const high = Number(now >> 32n);
    let round = Math.floor(position / this.loopPackets);
    let index = position - round * this.loopPackets;
    for (let i = 0, at = 0; i < count; i++, at += PACKET_BYTES) {
      const ordinal = this.#ordinals[index]!;
      if (ordinal >= 0) {
        target.writeUInt32LE(low, at + 8);
        target.writeUInt32LE(high, at + 12);
        target.writeUInt32LE((round * this.#stampsPerRound + ordinal) % 2 ** 32, at + 16);
      }
      if (++index === this.loopPackets) {
        index = 0;
        round++;
      }
    }
  }
}

/** The stamped stream at `bitsPerSecond`, rounded to whole packets a second. */
export function syntheticSource(bitsPerSecond: number): PacketSource {
  const packetsPerSecond = Math.round(Math.max(bitsPerSecond, MIN_BITS_PER_SECOND) / 8 / PACKET_BYTES);
  const source = sources.get(packetsPerSecond) ?? new SyntheticSource(packetsPerSecond);
  sources.set(packetsPerSecond, source);
  return source;
}
