import { PACKET_BYTES, payloadAt, startsUnit } from '../../src/shared/mpegts.ts';

/** table_id of the program association. */
export const PAT_TABLE_ID = 0x00;
/** table_id of a program map. */
export const PMT_TABLE_ID = 0x02;
/** A section is at most 1024 bytes; with packet headers that is 6 packets. */
const MAX_TABLE_PACKETS = 6;

/** Collects the packets of one table until its section is complete, and keeps the latest complete set. */
export class TableCollector {
  readonly #tableId: number;
  #packets: Buffer[] = [];
  #section: Buffer[] = [];
  #wanted = 0;
  #got = 0;
  #collecting = false;
  /** The packets of the latest complete table, as they came. */
  packets: Buffer | undefined;

  constructor(tableId: number) {
    this.#tableId = tableId;
  }

  /** Takes one packet of the table's PID; returns the section when this packet completed it. */
  push(buffer: Buffer, at: number): Buffer | undefined {
    const to = at + PACKET_BYTES;
    let from = payloadAt(buffer, at);
    if (from >= to) return undefined;
    if (!startsUnit(buffer, at)) return this.#continue(buffer, at, from, to);
    const pointer = buffer[from++]!; // Bytes of the previous section that come first.
    const previous = pointer > 0 ? this.#continue(buffer, at, from, Math.min(from + pointer, to)) : undefined;
    from += pointer;
    this.#collecting = false; // Whatever is still missing of it was lost.
    if (from + 3 > to || buffer[from] !== this.#tableId) return previous;
    this.#packets = [];
    this.#section = [];
    this.#got = 0;
    this.#wanted = 3 + (((buffer[from + 1]! & 0x0f) << 8) | buffer[from + 2]!);
    this.#collecting = true;
    return this.#continue(buffer, at, from, to) ?? previous;
  }

  /** Adds the section bytes `[from, to)` of the packet at `at`. */
  #continue(buffer: Buffer, at: number, from: number, to: number): Buffer | undefined {
    if (!this.#collecting) return undefined;
    this.#packets.push(Buffer.from(buffer.subarray(at, at + PACKET_BYTES)));
    this.#section.push(Buffer.from(buffer.subarray(from, to)));
    this.#got += to - from;
    const complete = this.#got >= this.#wanted;
    if (complete || this.#packets.length === MAX_TABLE_PACKETS) this.#collecting = false;
    if (!complete) return undefined;
    const section = Buffer.concat(this.#section).subarray(0, this.#wanted);
    if ((section[5]! & 1) === 0) return undefined; // Announces the next version; the present one still holds.
    this.packets = Buffer.concat(this.#packets);
    return section;
  }
}
