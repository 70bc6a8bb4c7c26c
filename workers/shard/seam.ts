import { NULL_PID, PACKET_BYTES, PAT_PID, pidOf } from '../../src/shared/mpegts.ts';
import { hasPcr, PCR_HZ, PCR_MODULO, pcrDifference, readPcr } from '../../src/shared/timestamps.ts';
import { discontinuityPacket } from './announcement.ts';
import { Continuity } from './continuity.ts';
import { JumpGate } from './jump-gate.ts';
import { type Place, type Relation, SeamSearch } from './seam-search.ts';
import { PAT_TABLE_ID, PMT_TABLE_ID } from './table-collector.ts';
import { TableVersion } from './table-version.ts';
import { TableWatch } from './table-watch.ts';
import { Trail } from './trail.ts';

/** How a search for the place to go on ended. */
export interface SeamResult {
  /** Whether nothing was lost or repeated, or it went on somewhere else. */
  outcome: 'seamless' | 'jump';
  /** By how much the program's clock jumped; undefined where one of the readings showed none. */
  clockJumpMs: number | undefined;
  /** Packets that were dropped because they had been shown before. */
  repeatedPackets: number;
  /** Packets that were dropped because nothing could begin with them. */
  searchedPackets: number;
  /** From the first packet of the reading to the place. */
  elapsedMs: number;
}

/**
 * Makes one continuous transport stream out of several readings. The first one passes as it is. A later one goes on
 * right behind what was shown if it repeats that; else it begins at a random-access point, with the tables in front,
 * whole units only and the jump announced. Continuity counters go on in any case. See docs/adr/0006-seams.md.
 */
export class Seam {
  readonly #emit: (run: Buffer) => void;
  readonly #now: () => number;
  readonly #continuity = new Continuity();
  readonly #gate = new JumpGate(this.#continuity);
  readonly #patVersion = new TableVersion(PAT_TABLE_ID);
  readonly #pmtVersion = new TableVersion(PMT_TABLE_ID);
  #trail = new Trail();
  #tables = new TableWatch();
  #search: SeamSearch | undefined;
  #lastSearch: SeamResult | undefined;
  #unstartedPackets = 0;
  /** When the latest run was passed on. */
  #passedMs = 0;
  /** From where the present run has not been passed on yet. */
  #from = 0;

  /**
   * @param emit gets runs of whole packets for the log; a run is only valid during the call
   * @param now monotonic clock in ms
   */
  constructor(emit: (run: Buffer) => void, now: () => number = () => performance.now()) {
    this.#emit = emit;
    this.#now = now;
  }

  /** Whether packets are held back because no place to go on was found yet. */
  get searching(): boolean {
    return this.#search !== undefined;
  }

  /** How the latest search ended; undefined before the first did. */
  get lastSearch(): SeamResult | undefined {
    return this.#lastSearch;
  }

  /** Packets dropped after jumps, all together, because no unit of their PID had started yet. */
  get unstartedPackets(): number {
    return this.#unstartedPackets;
  }

  /**
   * What the program's clock would show by now had it gone on since the latest packet, in 27 MHz ticks; undefined when
   * there is none. A slate that starts with that joins without a jump, and so does the broadcast when it is back.
   */
  get clock(): number | undefined {
    const clock = this.#clockAtEnd;
    if (clock === undefined) return undefined;
    return (clock + Math.round(((this.#now() - this.#passedMs) * PCR_HZ) / 1000)) % PCR_MODULO;
  }

  get #clockAtEnd(): number | undefined {
    return this.#trail.clockAtEnd(this.#tables.program?.pcrPid ?? this.#trail.anchorPid);
  }

  /**
   * The packets that follow come from a new reading; the very first one needs no call.
   * @param relation `same-content`: the same broadcast read again, which may repeat the recent past or have moved on;
   * `other-content`: another source, or the slate
   */
  begin(relation: Relation): void {
    if (this.#trail.packets === 0) return; // Nothing was shown, so there is nothing to go on from.
    // A reading of something else that never got to show anything leaves its successor just as unrelated.
    const unrelated = this.#search?.relation === 'other-content';
    this.#search = new SeamSearch(this.#trail, unrelated ? 'other-content' : relation);
  }

  /** Takes a run of whole packets, which may be changed in place. */
  push(run: Buffer): void {
    const nowMs = this.#now();
    this.#from = 0;
    if (this.#search === undefined) this.#gate.expire(nowMs);
    else {
      const place = this.#search.inspect(run, nowMs);
      if (place === undefined) return;
      this.#goOn(this.#search, place, run);
      this.#search = undefined;
    }
    this.#passedMs = nowMs;
    this.#pass(run);
  }

  /** The hot path: looks at each packet of the run from `#from` on, and passes on what is not left out. */
  #pass(run: Buffer): void {
    for (let at = this.#from; at < run.length; at += PACKET_BYTES) {
      const pid = pidOf(run, at);
      this.#trail.push(run, at);
      if (pid === NULL_PID) continue;
      if (pid === PAT_PID || pid === this.#tables.pmtPid) this.#passTable(run, at, pid);
      if (!this.#gate.guards(pid) || this.#admit(run, at, pid)) this.#continuity.renumber(run, at, pid);
    }
    this.#flush(run, run.length);
  }

  #passTable(run: Buffer, at: number, pid: number): void {
    this.#tables.push(run, at, pid);
    (pid === PAT_PID ? this.#patVersion : this.#pmtVersion).rewrite(run, at);
  }

  /** @returns whether the packet is still to be numbered */
  #admit(run: Buffer, at: number, pid: number): boolean {
    const admission = this.#gate.admit(run, at, pid);
    const announcement = this.#gate.takeAnnouncement();
    if (announcement !== undefined) {
      this.#flush(run, at);
      this.#emit(announcement);
    }
    if (admission === 'drop') {
      this.#flush(run, at);
      this.#from = at + PACKET_BYTES;
      this.#unstartedPackets++;
    }
    return admission === 'number';
  }

  /** Passes on what of the run lies before `to`. */
  #flush(run: Buffer, to: number): void {
    if (this.#from === 0 && to === run.length) this.#emit(run);
    else if (to > this.#from) this.#emit(run.subarray(this.#from, to));
    this.#from = to;
  }

  #goOn(search: SeamSearch, { at, outcome }: Place, run: Buffer): void {
    const repeatedPackets = search.repeatedPackets;
    this.#lastSearch = {
      outcome,
      clockJumpMs: outcome === 'seamless' ? 0 : this.#clockJumpMs(search, run, at),
      repeatedPackets,
      searchedPackets: search.trail.packets - repeatedPackets,
      elapsedMs: search.elapsedMs,
    };
    this.#from = at;
    if (outcome === 'seamless') this.#align(search.continuity);
    else this.#jump(search, run);
  }

  #clockJumpMs({ trail, tables }: SeamSearch, run: Buffer, at: number): number | undefined {
    const before = this.#clockAtEnd;
    const pid = tables.program?.pcrPid ?? trail.anchorPid;
    const after = pidOf(run, at) === pid && hasPcr(run, at) ? readPcr(run, at + 6) : trail.clockAtEnd(pid);
    if (before === undefined || after === undefined) return undefined;
    return pcrDifference(after, before) / (PCR_HZ / 1000);
  }

  /** Goes on right behind what was shown, in a reading whose counters stand at `other` there. */
  #align(other: Continuity): void {
    for (let pid = 0; pid < NULL_PID; pid++) if (!this.#continuity.align(pid, other)) this.#gate.relink(pid);
  }

  /** Goes on in a reading of which nothing was shown yet: tables, the new clock, then what starts in it. */
  #jump({ trail, tables, continuity }: SeamSearch, run: Buffer): void {
    const { pat, pmt, pmtPid, program } = tables;
    this.#patVersion.change(this.#tables.pat, pat);
    this.#pmtVersion.change(this.#tables.pmt, pmt);
    this.#tables = tables;
    this.#trail = trail;
    const clocks = new Set(trail.clockPids);
    if (program !== undefined && program.pcrPid !== NULL_PID) clocks.add(program.pcrPid);
    this.#gate.close(program, clocks, this.#now());
    if (pat !== undefined) this.#emitStamped(this.#patVersion.packets(pat, PAT_PID), PAT_PID);
    if (pmt !== undefined) this.#emitStamped(this.#pmtVersion.packets(pmt, pmtPid), pmtPid);
    if (program !== undefined) this.#emitClock(program.pcrPid, continuity, run);
  }

  #emitStamped(packets: Buffer, pid: number): void {
    this.#continuity.stamp(packets, pid);
    this.#emit(packets);
  }

  /** No time may refer to a clock that has not come: where the next packet does not bring it, one of ours does. */
  #emitClock(pid: number, reading: Continuity, run: Buffer): void {
    const clock = this.#trail.clockAtEnd(pid);
    if (clock === undefined || (pidOf(run, this.#from) === pid && hasPcr(run, this.#from))) return;
    const packet = discontinuityPacket(pid, reading.latest(pid) ?? 0, clock);
    this.#continuity.repeat(packet, 0, pid);
    this.#gate.clockAnnounced(pid);
    this.#emit(packet);
  }
}
