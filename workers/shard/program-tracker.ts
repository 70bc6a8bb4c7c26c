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
  type Program,
  parseProgramMap,
  payloadAt,
  pidOf,
  programMapPid,
  startsUnit,
} from '../../src/shared/mpegts.ts';

import type { StreamLayout } from './splice.ts';

const PAT_TABLE_ID = 0x00;
const PMT_TABLE_ID = 0x02;
/** A section is at most 1024 bytes; with packet headers that is 6 packets. */
const MAX_TABLE_PACKETS = 6;

/** Collects the packets of one table until its section is complete, and keeps the latest complete set. */
class TableCollector {
  readonly #tableId: number;
  #packets: Buffer[] = [];
  #section: Buffer[] = [];
  #wanted = 0;
  #got = 0;
  /** The packets of the latest complete table, as they came. */
  packets: Buffer | undefined;

  constructor(tableId: number) {
    this.#tableId = tableId;
  }

  /** Takes one packet of the table's PID; returns the section when this packet completed it. */
  push(buffer: Buffer, at: number): Buffer | undefined {
    let from = payloadAt(buffer, at);
    const to = at + PACKET_BYTES;
    if (startsUnit(buffer, at)) {
      from += 1 + (buffer[from] ?? 0); // pointer_field
      if (from + 3 > to || buffer[from] !== this.#tableId) return undefined;
      this.#packets = [];
      this.#section = [];
      this.#got = 0;
      this.#wanted = 3 + (((buffer[from + 1]! & 0x0f) << 8) | buffer[from + 2]!);
    } else if (this.#packets.length === 0) return undefined;
    this.#packets.push(Buffer.from(buffer.subarray(at, to)));
    this.#section.push(Buffer.from(buffer.subarray(from, to)));
    this.#got += to - from;
    if (this.#got < this.#wanted) {
      if (this.#packets.length === MAX_TABLE_PACKETS) this.#packets = [];
      return undefined;
    }
    this.packets = this.#packets.length === 1 ? this.#packets[0]! : Buffer.concat(this.#packets);
    this.#packets = [];
    return Buffer.concat(this.#section).subarray(0, this.#wanted);
  }
}

/** Follows a transport stream's tables and finds where decoding can begin. */
export class ProgramTracker implements StreamLayout {
  readonly #onRandomAccess: (offset: number, tables: Buffer) => void;
  readonly #pat = new TableCollector(PAT_TABLE_ID);
  #pmt = new TableCollector(PMT_TABLE_ID);
  #pmtPid = -1;
  #pmtSection: Buffer | undefined;
  #keyPid = -1;
  #keyType = 0;
  /** Latest continuity counter of each PID, plus one; 0 before its first. */
  readonly #continuity = new Uint8Array(NULL_PID + 1);
  /** What the program map says, once there was one. */
  program: Program | undefined;

  /** @param onRandomAccess told the offset of each random-access packet and the tables (PAT, PMT) valid there */
  constructor(onRandomAccess: (offset: number, tables: Buffer) => void) {
    this.#onRandomAccess = onRandomAccess;
  }

  /** The latest PAT and PMT, as they came; undefined until both have. */
  get tables(): Buffer | undefined {
    const { packets: pat } = this.#pat;
    const { packets: pmt } = this.#pmt;
    return pat === undefined || pmt === undefined ? undefined : Buffer.concat([pat, pmt]);
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
    this.program = parseProgramMap(section);
    // A radio channel has no video: every start of its audio is a place to begin.
    const key = this.program.streams.find(stream => isVideo(stream.type)) ?? this.program.streams[0];
    this.#keyPid = key?.pid ?? -1;
    this.#keyType = key?.type ?? 0;
  }

  #isKey(run: Buffer, at: number): boolean {
    if (!isVideo(this.#keyType)) return true;
    const flagged = isRandomAccess(run, at);
    if (isScrambled(run, at)) return flagged;
    const hint = accessUnitHint(run, this.#keyType, payloadAt(run, at), at + PACKET_BYTES);
    return hint === 'unknown' ? flagged : hint === 'key';
  }

  #report(offset: number): void {
    const { tables } = this;
    if (tables !== undefined) this.#onRandomAccess(offset, tables);
  }
}
