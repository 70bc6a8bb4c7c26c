import {
  continuityOf,
  hasAdaptationFlags,
  hasPayload,
  isRandomAccess,
  NULL_PID,
  PACKET_BYTES,
  pidOf,
  SYNC_BYTE,
} from '../../src/shared/mpegts.ts';

const STAMP = Buffer.from('TSMP');
const VIDEO_PID = 0x100;

/** Checks an MPEG-TS byte stream packet by packet, as a strict receiver would. */
export class TsCheck {
  packets = 0;
  syncErrors = 0;
  /** Jumps of a continuity counter that no discontinuity indicator announced. */
  continuityErrors = 0;
  /** Jumps of a continuity counter, announced or not: where sources are joined, there is no excuse. */
  counterJumps = 0;
  /** Packets with the discontinuity indicator set. */
  discontinuities = 0;
  nulls = 0;
  /** Stamped packets that are missing between two that came. */
  lost = 0;
  /** Stamped packets that came again or out of order. */
  repeated = 0;
  stamped = 0;
  /** The first packets: PID, and whether it is a random-access packet. */
  readonly opening: { pid: number; randomAccess: boolean }[] = [];
  readonly #counters = new Map<number, number>();
  #held = Buffer.alloc(0);
  #highest: number | undefined;

  /** Takes the next bytes, in pieces of any size. */
  push(chunk: Buffer): void {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    let at = 0;
    for (; at + PACKET_BYTES <= bytes.length; at += PACKET_BYTES) this.#packet(bytes, at);
    this.#held = Buffer.from(bytes.subarray(at));
  }

  /** Bytes of a packet whose rest has not come. */
  get heldBytes(): number {
    return this.#held.length;
  }

  #packet(bytes: Buffer, at: number): void {
    this.packets++;
    if (bytes[at] !== SYNC_BYTE) {
      this.syncErrors++;
      return;
    }
    const pid = pidOf(bytes, at);
    if (this.opening.length < 8) this.opening.push({ pid, randomAccess: isRandomAccess(bytes, at) });
    if (pid === NULL_PID) {
      this.nulls++;
      return;
    }
    const flagged = hasAdaptationFlags(bytes, at) && (bytes[at + 5]! & 0x80) !== 0;
    if (flagged) this.discontinuities++;
    if (hasPayload(bytes, at)) {
      const previous = this.#counters.get(pid);
      const counter = continuityOf(bytes, at);
      if (previous !== undefined && counter !== ((previous + 1) & 15)) {
        this.counterJumps++;
        if (!flagged) this.continuityErrors++;
      }
      this.#counters.set(pid, counter);
    }
    if (pid === VIDEO_PID && bytes.compare(STAMP, 0, 4, at + 4, at + 8) === 0) this.#stamp(bytes.readUInt32LE(at + 16));
  }

  #stamp(sequence: number): void {
    this.stamped++;
    this.#highest ??= sequence - 1;
    if (sequence <= this.#highest) {
      this.repeated++;
      return;
    }
    this.lost += sequence - this.#highest - 1;
    this.#highest = sequence;
  }
}
