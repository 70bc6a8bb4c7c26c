import { crc32, PAT_PID, type Program, parseProgramMap, programMapPid } from '../../src/shared/mpegts.ts';
import { PAT_TABLE_ID, PMT_TABLE_ID, TableCollector } from './table-collector.ts';

/** Keeps the latest PAT and PMT sections of one reading whose checksums are right. */
export class TableWatch {
  readonly #patCollector = new TableCollector(PAT_TABLE_ID);
  #pmtCollector = new TableCollector(PMT_TABLE_ID);
  #pmtPid = -1;
  #pat: Buffer | undefined;
  #pmt: Buffer | undefined;
  #program: Program | undefined;

  /** The latest program association section. */
  get pat(): Buffer | undefined {
    return this.#pat;
  }

  /** The latest program map section of the first program. */
  get pmt(): Buffer | undefined {
    return this.#pmt;
  }

  /** PID of {@link pmt}; -1 until it is known. */
  get pmtPid(): number {
    return this.#pmtPid;
  }

  /** What {@link pmt} says. */
  get program(): Program | undefined {
    return this.#program;
  }

  /** Takes a packet; those of other PIDs than the tables' are ignored. */
  push(run: Buffer, at: number, pid: number): void {
    if (pid === PAT_PID) {
      const section = this.#patCollector.push(run, at);
      if (section !== undefined && crc32(section) === 0) this.#followPat(section);
    } else if (pid === this.#pmtPid) {
      const section = this.#pmtCollector.push(run, at);
      if (section !== undefined && crc32(section) === 0) this.#followPmt(section);
    }
  }

  #followPat(section: Buffer): void {
    this.#pat = section;
    const pid = programMapPid(section);
    if (pid === undefined || pid === this.#pmtPid) return;
    this.#pmtPid = pid;
    this.#pmtCollector = new TableCollector(PMT_TABLE_ID);
    this.#pmt = undefined;
    this.#program = undefined;
  }

  #followPmt(section: Buffer): void {
    if (this.#pmt?.equals(section)) return;
    this.#pmt = section;
    this.#program = parseProgramMap(section);
  }
}
