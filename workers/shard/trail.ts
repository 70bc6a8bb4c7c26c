import { hasTransportError, pidOf } from '../../src/shared/mpegts.ts';
import { hasPcr, PCR_HZ, PCR_MODULO, pcrDifference, readPcr } from '../../src/shared/timestamps.ts';

/** Packets remembered; a power of two. 3 MB, which at any bit rate is far more than lies between two PCRs. */
const REMEMBERED = 1 << 14;
/** Packets before the latest PCR that must agree, too, where they are known. */
const CONTEXT = 32;

/** The latest PCR of one PID. */
interface Clock {
  pcr: number;
  /** Number of the packet that carried it. */
  packet: number;
  /** How much it grows from packet to packet; 0 when that can't be told. */
  ticksPerPacket: number;
}

/**
 * A few bytes from all over a packet, mixed; equal for two copies of a packet, whatever their continuity counters. Of the
 * stand-in engine's stamps it takes the sequence number, not the time, which is another one in each copy.
 */
export function fingerprint(run: Buffer, at: number): number {
  const a = (run[at + 1]! << 24) | (run[at + 2]! << 16) | ((run[at + 3]! & 0xf0) << 8) | run[at + 4]!;
  const b = (run[at + 16]! << 24) | (run[at + 17]! << 16) | (run[at + 30]! << 8) | run[at + 31]!;
  const c = (run[at + 64]! << 24) | (run[at + 65]! << 16) | (run[at + 98]! << 8) | run[at + 99]!;
  const d = (run[at + 141]! << 24) | (run[at + 142]! << 16) | (run[at + 186]! << 8) | run[at + 187]!;
  return Math.imul(Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ d, 0x27d4eb2f);
}

/** Where a reading stands: its program clocks, and fingerprints of its latest packets. */
export class Trail {
  readonly #prints = new Int32Array(REMEMBERED);
  readonly #clocks = new Map<number, Clock>();
  #packets = 0;
  #anchorPid = -1;
  #anchor: Clock | undefined;

  /** Packets so far. */
  get packets(): number {
    return this.#packets;
  }

  /** PIDs that carried a PCR. */
  get clockPids(): Iterable<number> {
    return this.#clocks.keys();
  }

  /** Takes the packet at `at`. */
  push(run: Buffer, at: number, print = fingerprint(run, at)): void {
    this.#prints[this.#packets & (REMEMBERED - 1)] = print;
    if (hasPcr(run, at) && !hasTransportError(run, at)) this.#noteClock(pidOf(run, at), readPcr(run, at + 6));
    this.#packets++;
  }

  #noteClock(pid: number, pcr: number): void {
    const before = this.#clocks.get(pid);
    const ticks = before === undefined ? 0 : pcrDifference(pcr, before.pcr);
    const ticksPerPacket = ticks > 0 && ticks < PCR_HZ ? ticks / (this.#packets - before!.packet) : 0;
    this.#anchor = { pcr, packet: this.#packets, ticksPerPacket };
    this.#anchorPid = pid;
    this.#clocks.set(pid, this.#anchor);
  }

  /** PID of the latest PCR; -1 before the first. */
  get anchorPid(): number {
    return this.#anchorPid;
  }

  /** Whether there was a PCR on any PID. */
  get hasClock(): boolean {
    return this.#anchor !== undefined;
  }

  /** The latest PCR of a PID; undefined when it has none. */
  latestPcr(pid: number): number | undefined {
    return this.#clocks.get(pid)?.pcr;
  }

  /** What the clock on `pid` shows when the next packet comes; undefined when it has none. */
  clockAtEnd(pid: number): number | undefined {
    const clock = this.#clocks.get(pid);
    if (clock === undefined) return undefined;
    return Math.round(clock.pcr + (this.#packets - clock.packet) * clock.ticksPerPacket) % PCR_MODULO;
  }

  /** Packets that came after the latest PCR, if they are all remembered. */
  get packetsAfterAnchor(): number | undefined {
    if (this.#anchor === undefined) return undefined;
    const after = this.#packets - 1 - this.#anchor.packet;
    return after < REMEMBERED - CONTEXT ? after : undefined;
  }

  /** Whether the packet at `at` carries the latest PCR again. */
  isAnchor(run: Buffer, at: number): boolean {
    if (!hasPcr(run, at) || pidOf(run, at) !== this.#anchorPid || hasTransportError(run, at)) return false;
    return readPcr(run, at + 6) === this.#anchor!.pcr;
  }

  /** Whether the latest packets of `other` are those up to our latest PCR, as far as both are known. */
  endsAtAnchor(other: Trail): boolean {
    const count = Math.min(CONTEXT, this.#anchor!.packet + 1, other.#packets);
    for (let back = 0; back < count; back++)
      if (this.#print(this.#anchor!.packet - back) !== other.#print(other.#packets - 1 - back)) return false;
    return true;
  }

  /** Whether `print` is that of the packet which came `index` packets after the one behind the latest PCR. */
  agrees(index: number, print: number): boolean {
    return this.#print(this.#anchor!.packet + 1 + index) === print;
  }

  /** How far a PCR lies after the latest of `pid`, or of any if that has none; undefined when there is none at all. */
  ahead(pid: number, pcr: number): number | undefined {
    const latest = this.#clocks.get(pid) ?? this.#anchor;
    return latest === undefined ? undefined : pcrDifference(pcr, latest.pcr);
  }

  #print(packet: number): number {
    return this.#prints[packet & (REMEMBERED - 1)]!;
  }
}
