/**
 * Checks one viewer's MPEG-TS packet by packet. The stand-in engine stamps every video packet without a PES start:
 * payload "TSMP", the monotonic clock in nanoseconds (8 bytes, little-endian), a sequence number (4 bytes,
 * little-endian). So a viewer can tell exactly what got lost, what came twice and how old it was on arrival.
 */
import type { Histogram } from './histogram.ts';

export const PACKET_BYTES = 188;
const SYNC_BYTE = 0x47;
const PID_PAT = 0;
const PID_PMT = 0x1000;
const PID_VIDEO = 0x100;
const PID_NULL = 0x1fff;
const PID_COUNT = 0x2000;
/** "TSMP" as a little-endian word. */
const STAMP = 0x504d_5354;
const NS_PER_MS = 1e6;
const NO_COUNTER = 0xff;

/** What a body is handed to, in pieces of any size; `nowMs` is the monotonic clock when the piece arrived. */
export interface BodyChecker {
  push(bytes: Uint8Array, from: number, to: number, nowMs: number): void;
  readonly syncErrors: number;
}

/** Counts packets and checks only that each begins with the sync byte: cheap enough for any number of viewers. */
export class GridChecker implements BodyChecker {
  syncErrors = 0;
  /** Bytes until the next packet begins. */
  #untilNext = 0;

  push(bytes: Uint8Array, from: number, to: number): void {
    let at = from + this.#untilNext;
    for (; at < to; at += PACKET_BYTES) if (bytes[at] !== SYNC_BYTE) this.syncErrors++;
    this.#untilNext = at - to;
  }
}

/** Checks sync, continuity counters, sequence numbers, the join and the latency of every packet. */
export class PacketChecker implements BodyChecker {
  syncErrors = 0;
  continuityErrors = 0;
  lostPackets = 0;
  repeatedPackets = 0;
  /** Places where packets are missing; one gap may lose many. */
  gaps = 0;
  nullPackets = 0;
  discontinuityFlags = 0;
  /** When the first random-access packet of the video arrived (monotonic clock), or null. */
  firstRandomAccessAtMs: number | null = null;
  /** Where latencies go; null outside the measuring window. */
  latency: Histogram | null = null;

  readonly #counters = new Uint8Array(PID_COUNT).fill(NO_COUNTER);
  readonly #partial = new Uint8Array(PACKET_BYTES);
  #partialBytes = 0;
  #packets = 0;
  #firstPid = -1;
  #secondPid = -1;
  #sawVideo = false;
  #joinedOnRandomAccess = false;
  #sequence = -1;

  /** Packets so far, null packets among them. */
  get packets(): number {
    return this.#packets;
  }

  /** The very first packets were PAT and PMT. */
  get joinedOnTables(): boolean {
    return this.#firstPid === PID_PAT && this.#secondPid === PID_PMT;
  }

  /** The first video packet was a random-access point, so a player can show a picture at once. */
  get joinedOnRandomAccess(): boolean {
    return this.#joinedOnRandomAccess;
  }

  push(bytes: Uint8Array, from: number, to: number, nowMs: number): void {
    let at = from;
    if (this.#partialBytes > 0) {
      const end = Math.min(to, at + PACKET_BYTES - this.#partialBytes);
      this.#partial.set(bytes.subarray(at, end), this.#partialBytes);
      this.#partialBytes += end - at;
      at = end;
      if (this.#partialBytes < PACKET_BYTES) return;
      this.#packet(this.#partial, 0, nowMs);
      this.#partialBytes = 0;
    }
    for (; at + PACKET_BYTES <= to; at += PACKET_BYTES) this.#packet(bytes, at, nowMs);
    if (at < to) {
      this.#partial.set(bytes.subarray(at, to));
      this.#partialBytes = to - at;
    }
  }

  #packet(bytes: Uint8Array, at: number, nowMs: number): void {
    if (bytes[at] !== SYNC_BYTE) {
      this.syncErrors++;
      return;
    }
    const pid = ((bytes[at + 1]! & 0x1f) << 8) | bytes[at + 2]!;
    const control = bytes[at + 3]!;
    const fieldFlags = (control & 0x20) !== 0 && bytes[at + 4] !== 0 ? bytes[at + 5]! : 0;
    const flagged = (fieldFlags & 0x80) !== 0;
    if (this.#packets === 0) this.#firstPid = pid;
    else if (this.#packets === 1) this.#secondPid = pid;
    this.#packets++;
    if (pid === PID_NULL) {
      this.nullPackets++;
      return;
    }
    if (flagged) this.discontinuityFlags++;
    if ((control & 0x10) !== 0) this.#continuity(pid, control & 0x0f, flagged);
    if (pid === PID_VIDEO) this.#video(bytes, at, (fieldFlags & 0x40) !== 0, nowMs);
  }

  #continuity(pid: number, counter: number, flagged: boolean): void {
    const previous = this.#counters[pid]!;
    if (previous !== NO_COUNTER && !flagged && counter !== ((previous + 1) & 0x0f)) this.continuityErrors++;
    this.#counters[pid] = counter;
  }

  #video(bytes: Uint8Array, at: number, randomAccess: boolean, nowMs: number): void {
    if (!this.#sawVideo) {
      this.#sawVideo = true;
      this.#joinedOnRandomAccess = randomAccess;
    }
    if (randomAccess && this.firstRandomAccessAtMs === null) this.firstRandomAccessAtMs = nowMs;
    if (word(bytes, at + 4) !== STAMP) return;
    if (this.latency !== null) {
      // Nanoseconds since boot fit a double's 53 bits for 104 days; later the error is still below a microsecond.
      const stampMs = (word(bytes, at + 12) * 2 ** 32 + word(bytes, at + 8)) / NS_PER_MS;
      this.latency.add(nowMs - stampMs);
    }
    this.#sequenced(word(bytes, at + 16));
  }

  #sequenced(sequence: number): void {
    const previous = this.#sequence;
    if (previous >= 0 && sequence !== previous + 1) {
      if (sequence <= previous) this.repeatedPackets++;
      else {
        this.lostPackets += sequence - previous - 1;
        this.gaps++;
      }
    }
    this.#sequence = sequence;
  }
}

/** An unsigned little-endian word. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
