import {
  flagDiscontinuity,
  hasAdaptationFlags,
  hasPayload,
  hasTransportError,
  NULL_PID,
  PACKET_BYTES,
  type Program,
  payloadAt,
  startsUnit,
} from '../../src/shared/mpegts.ts';
import { hasPcr } from '../../src/shared/timestamps.ts';
import { discontinuityPacket, removePayload } from './announcement.ts';
import type { Continuity } from './continuity.ts';

/** What is still due on a PID after a seam, as bits. */
const NOTHING = 0;
/** A packet that starts a unit: whatever comes before that is the rest of one whose start was not shown. */
const UNIT_START = 1;
/** A packet with a PCR: it has to announce the new clock. */
const PCR = 2;
/** Any packet: it takes over the counter. */
const ANY = 4;

/** How long a PID may take to start a unit; some carry data without such starts. */
const UNIT_PATIENCE_MS = 5_000;

/** What becomes of a packet: it is numbered like all others, it is complete as it is, or it is left out. */
export type Admission = 'number' | 'complete' | 'drop';

/** Lets each PID in after a jump: from the start of a unit on, with the jump announced. */
export class JumpGate {
  readonly #continuity: Continuity;
  readonly #due = new Uint8Array(NULL_PID + 1);
  #program: Program | undefined;
  #clocks: ReadonlySet<number> = new Set();
  /** Until when PIDs wait for the start of a unit; undefined when none does. */
  #waitUntilMs: number | undefined;
  #announcement: Buffer | undefined;

  /** @param continuity numbers the packets that are let in */
  constructor(continuity: Continuity) {
    this.#continuity = continuity;
  }

  /** Whether {@link admit} has to see the packets of a PID. */
  guards(pid: number): boolean {
    return this.#due[pid] !== NOTHING;
  }

  /** A packet that has to go before the one that was just admitted, once. */
  takeAnnouncement(): Buffer | undefined {
    const announcement = this.#announcement;
    this.#announcement = undefined;
    return announcement;
  }

  /** After a jump every PID has to start anew. @param clocks PIDs with PCRs */
  close(program: Program | undefined, clocks: Iterable<number>, nowMs: number): void {
    this.#program = program;
    this.#clocks = new Set(clocks);
    this.#due.fill(UNIT_START, 0, NULL_PID);
    for (const pid of this.#clocks) this.#due[pid]! |= PCR;
    this.#waitUntilMs = nowMs + UNIT_PATIENCE_MS;
  }

  /** The next packet of `pid`, whose counter can't be foretold, goes on with the present one. */
  relink(pid: number): void {
    if (this.#due[pid] === NOTHING) this.#due[pid] = ANY;
  }

  /** The new clock on `pid` has been announced otherwise. */
  clockAnnounced(pid: number): void {
    this.#due[pid]! &= ~PCR;
  }

  /** To be called now and then: whatever has not started a unit for too long goes on with its next packet. */
  expire(nowMs: number): void {
    if (this.#waitUntilMs === undefined || nowMs < this.#waitUntilMs) return;
    this.#waitUntilMs = undefined;
    for (let pid = 0; pid < NULL_PID; pid++)
      if ((this.#due[pid]! & UNIT_START) !== 0) this.#due[pid] = (this.#due[pid]! & PCR) | ANY;
  }

  /** Judges a packet of a PID that it {@link guards}, and changes it in place as it has to be. */
  admit(run: Buffer, at: number, pid: number): Admission {
    const bringsClock = hasPcr(run, at) && !hasTransportError(run, at);
    if (bringsClock && (this.#due[pid]! & PCR) !== 0) {
      flagDiscontinuity(run, at);
      this.#due[pid]! &= ~PCR;
    }
    if ((this.#due[pid]! & (UNIT_START | ANY)) === NOTHING) return 'number';
    if ((this.#due[pid]! & ANY) !== 0) {
      this.#continuity.goOnWith(run, at, pid);
      this.#due[pid]! &= ~ANY;
      return 'number';
    }
    if (hasPayload(run, at)) {
      if (startsUnit(run, at) && !hasTransportError(run, at)) {
        this.#start(run, at, pid);
        return 'number';
      }
      if (!bringsClock) return 'drop';
      removePayload(run, at); // The clock is needed all the same.
    }
    this.#continuity.repeat(run, at, pid);
    return 'complete';
  }

  /** The packet at `at` is the first with payload of its PID. */
  #start(run: Buffer, at: number, pid: number): void {
    this.#continuity.goOnWith(run, at, pid);
    this.#due[pid]! &= ~UNIT_START;
    // A flag on a PID with PCRs speaks of its clock: it may only be on the packet that brings the new one.
    if (this.#clocks.has(pid) || !this.#isElementary(run, at, pid)) return;
    if (hasAdaptationFlags(run, at)) flagDiscontinuity(run, at);
    else this.#announcement = discontinuityPacket(pid, this.#continuity.latest(pid) ?? (run[at + 3]! + 15) & 15);
  }

  #isElementary(run: Buffer, at: number, pid: number): boolean {
    if (this.#program?.streams.some(stream => stream.pid === pid)) return true;
    const from = payloadAt(run, at);
    return from + 3 <= at + PACKET_BYTES && run.readUIntBE(from, 3) === 1; // A PES packet.
  }
}
