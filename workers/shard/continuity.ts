import { hasPayload, NULL_PID, PACKET_BYTES } from '../../src/shared/mpegts.ts';

const PIDS = NULL_PID + 1;

/**
 * Continuity counters of every PID across readings that number their packets differently: a PID's counters are
 * shifted by the same amount until the next reading begins.
 */
export class Continuity {
  /** Counter of each PID's latest packet as it was passed on, plus one; 0 before its first. */
  readonly #latest = new Uint8Array(PIDS);
  /** What is added to each PID's counters. */
  readonly #shifts = new Uint8Array(PIDS);

  /** Counter of the latest packet of `pid` that advanced it; undefined before its first. */
  latest(pid: number): number | undefined {
    const stored = this.#latest[pid]!;
    return stored === 0 ? undefined : stored - 1;
  }

  /** Renumbers the packet at `at`, in place. */
  renumber(run: Buffer, at: number, pid: number): void {
    const control = run[at + 3]!;
    const shift = this.#shifts[pid]!;
    const counter = (control + shift) & 0x0f;
    if (shift !== 0) run[at + 3] = (control & 0xf0) | counter;
    // A packet without payload repeats the counter, but some multiplexers write anything there.
    if ((control & 0x10) !== 0 || this.#latest[pid] === 0) this.#latest[pid] = counter + 1;
  }

  /** Shifts `pid` so that the packet at `at` comes next; a PID without a past starts as it is. */
  goOnWith(run: Buffer, at: number, pid: number): void {
    const latest = this.#latest[pid]!;
    const next = hasPayload(run, at) ? latest : latest - 1;
    this.#shifts[pid] = latest === 0 ? 0 : (next - run[at + 3]!) & 0x0f;
  }

  /**
   * Shifts `pid` so that its packets go on where those of another numbering, which stands at the same place of the
   * same stream, would. @returns whether it could: a PID that the other has not met goes on with whatever comes
   */
  align(pid: number, other: Continuity): boolean {
    if (this.#latest[pid] === 0) return true;
    if (other.#latest[pid] === 0) return false;
    this.#shifts[pid] = (this.#latest[pid]! - other.#latest[pid]!) & 0x0f;
    return true;
  }

  /** Gives a packet without payload the counter of the one before it; a PID without a past starts as it is. */
  repeat(run: Buffer, at: number, pid: number): void {
    if (this.#latest[pid] === 0) this.#latest[pid] = (run[at + 3]! & 0x0f) + 1;
    else run[at + 3] = (run[at + 3]! & 0xf0) | (this.#latest[pid]! - 1);
  }

  /** Gives packets of our own the next counters of `pid`. */
  stamp(packets: Buffer, pid: number): void {
    for (let at = 0; at < packets.length; at += PACKET_BYTES) {
      const counter = this.#latest[pid]! & 0x0f;
      packets[at + 3] = (packets[at + 3]! & 0xf0) | counter;
      this.#latest[pid] = counter + 1;
    }
  }
}
