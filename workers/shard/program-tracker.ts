import {
  accessUnitHint,
  continuityOf,
  hasPayload,
  isRandomAccess,
  isScrambled,
  isVideo,
  NULL_PID,
  PACKET_BYTES,
  PAT_PID,
  parseProgramMap,
  payloadAt,
  pidOf,
  programMapPid,
  startsUnit,
} from '../../src/shared/mpegts.ts';

import type { StreamLayout } from './splice.ts';
import { PAT_TABLE_ID, PMT_TABLE_ID, TableCollector } from './table-collector.ts';

/** Follows a transport stream's tables and finds where decoding can begin. */
export class ProgramTracker implements StreamLayout {
  readonly #onRandomAccess: (offset: number, tables: Buffer) => void;
  readonly #pat = new TableCollector(PAT_TABLE_ID);
  #pmt = new TableCollector(PMT_TABLE_ID);
  #pmtPid = -1;
  #pmtSection: Buffer | undefined;
  #keyPid = -1;
  #keyType = 0;
  /** Whether the latest picture was flagged as a random-access point. */
  #lastFlagged = true;
  /** Latest continuity counter of each PID, plus one; 0 before its first. */
  readonly #continuity = new Uint8Array(NULL_PID + 1);

  /** @param onRandomAccess told the offset of each random-access packet and the tables (PAT, PMT) valid there */
  constructor(onRandomAccess: (offset: number, tables: Buffer) => void) {
    this.#onRandomAccess = onRandomAccess;
  }

  /**
   * The latest PAT and PMT; undefined until both have come. Their continuity counters are such that the stream's next
   * packets follow, whatever else came on the same PIDs since.
   */
  get tables(): Buffer | undefined {
    const { packets: pat } = this.#pat;
    const { packets: pmt } = this.#pmt;
    if (pat === undefined || pmt === undefined) return undefined;
    return Buffer.concat([this.#restamp(pat, PAT_PID), this.#restamp(pmt, this.#pmtPid)]);
  }

  #restamp(packets: Buffer, pid: number): Buffer {
    const stamped = Buffer.from(packets);
    let counter = this.#continuity[pid]! - 1;
    for (let at = stamped.length - PACKET_BYTES; at >= 0; at -= PACKET_BYTES, counter--)
      stamped[at + 3] = (stamped[at + 3]! & 0xf0) | (counter & 0x0f);
    return stamped;
  }

  /** PIDs that have carried payload, null packets aside. */
  get pids(): number[] {
    return Array.from(this.#continuity.keys()).filter(pid => pid !== NULL_PID && this.#continuity[pid] !== 0);
  }

  /** Continuity counter of a PID's latest packet with payload; undefined before its first. */
  lastContinuity(pid: number): number | undefined {
    const stored = this.#continuity[pid]!;
    return stored === 0 ? undefined : stored - 1;
  }

  /** Looks at a run of whole packets that begins at `offset` of the log. */
  inspect(run: Buffer, offset: number): void {
    for (let at = 0; at < run.length; at += PACKET_BYTES) {
      const pid = pidOf(run, at);
      if (hasPayload(run, at)) this.#continuity[pid] = continuityOf(run, at) + 1;
      if (pid === this.#keyPid) {
        if (startsUnit(run, at) && this.#isKey(run, at)) this.#report(offset + at);
      } else if (pid === PAT_PID) {
        const section = this.#pat.push(run, at);
        if (section !== undefined) this.#followPat(section);
      } else if (pid === this.#pmtPid) {
        const section = this.#pmt.push(run, at);
        if (section !== undefined) this.#followPmt(section);
      }
    }
  }

  #followPat(section: Buffer): void {
    const pid = programMapPid(section);
    if (pid === undefined || pid === this.#pmtPid) return;
    this.#pmtPid = pid;
    this.#pmt = new TableCollector(PMT_TABLE_ID);
    this.#pmtSection = undefined;
  }

  #followPmt(section: Buffer): void {
    if (this.#pmtSection?.equals(section)) return;
    this.#pmtSection = section;
    const { streams } = parseProgramMap(section);
    // A radio channel has no video: every start of its audio is a place to begin.
    const key = streams.find(stream => isVideo(stream.type)) ?? streams[0];
    this.#keyPid = key?.pid ?? -1;
    this.#keyType = key?.type ?? 0;
  }

  #isKey(run: Buffer, at: number): boolean {
    if (!isVideo(this.#keyType)) return true;
    const flagged = isRandomAccess(run, at);
    // Some multiplexers flag every picture; a flag means something after a picture without one.
    const distinct = flagged && !this.#lastFlagged;
    this.#lastFlagged = flagged;
    if (distinct || isScrambled(run, at)) return flagged;
    const hint = accessUnitHint(run, this.#keyType, payloadAt(run, at), at + PACKET_BYTES);
    return hint === 'unknown' ? flagged : hint === 'key';
  }

  #report(offset: number): void {
    const { tables } = this;
    if (tables !== undefined) this.#onRandomAccess(offset, tables);
  }
}
