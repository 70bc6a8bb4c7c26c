import { crc32, PACKET_BYTES, payloadAt, SYNC_BYTE, startsUnit } from '../../src/shared/mpegts.ts';

/** Where in a section its version_number is, between two reserved bits and current_next_indicator. */
const VERSION_AT = 5;
const VERSION_BITS = 0x3e;
const CRC_BYTES = 4;
const STUFFING = 0xff;

/** The byte that holds the version with `shift` added to that. */
const shifted = (byte: number, shift: number): number =>
  (byte & ~VERSION_BITS) | ((byte + (shift << 1)) & VERSION_BITS);

/** Whether two sections say different things under the same version. */
function collide(one: Buffer, other: Buffer): boolean {
  if (((one[VERSION_AT]! ^ other[VERSION_AT]!) & VERSION_BITS) !== 0) return false;
  return !one.equals(other);
}

/**
 * Versions of one table (PAT or PMT) across readings. Receivers look at a table again only when its version changes, so
 * one with new content and the old version gets another, and the whole table keeps that distance from then on.
 */
export class TableVersion {
  readonly #tableId: number;
  #shift = 0;
  #shown: Buffer | undefined;
  /** Bytes of the present section so far; -1 where none is. */
  #position = -1;
  #id = 0;
  #length = 0;
  #crcMask = 0;

  constructor(tableId: number) {
    this.#tableId = tableId;
  }

  /**
   * Another reading takes over.
   * @param before latest section of the reading so far, @param after of the next one, each as it came, if known
   */
  change(before: Buffer | undefined, after: Buffer | undefined): void {
    this.#position = -1;
    this.#shown = before ?? this.#shown;
    // Both would be shifted alike, so they collide as they are or not at all.
    if (this.#shown !== undefined && after !== undefined && collide(this.#shown, after))
      this.#shift = (this.#shift + 1) & 31;
  }

  /** Packets that carry `section` with its version in this stream; their counters have to be stamped. */
  packets(section: Buffer, pid: number): Buffer {
    const count = Math.ceil((1 + section.length) / (PACKET_BYTES - 4));
    const content = Buffer.alloc(count * (PACKET_BYTES - 4), STUFFING);
    content[0] = 0; // The section starts right behind this pointer.
    section.copy(content, 1);
    content[1 + VERSION_AT] = shifted(section[VERSION_AT]!, this.#shift);
    const crcAt = 1 + section.length - CRC_BYTES;
    content.writeUInt32BE(crc32(content.subarray(1, crcAt)), crcAt);
    const packets = Buffer.alloc(count * PACKET_BYTES);
    for (let i = 0, at = 0; i < count; i++, at += PACKET_BYTES) {
      packets.set([SYNC_BYTE, (i === 0 ? 0x40 : 0) | (pid >> 8), pid & 0xff, 0x10], at);
      content.copy(packets, at + 4, i * (PACKET_BYTES - 4), (i + 1) * (PACKET_BYTES - 4));
    }
    return packets;
  }

  /** Changes the version, and the checksum with it, in a packet of the table's PID. */
  rewrite(run: Buffer, at: number): void {
    if (this.#shift === 0) return;
    const to = at + PACKET_BYTES;
    let from = payloadAt(run, at);
    if (from >= to) return;
    if (startsUnit(run, at)) {
      const start = Math.min(from + 1 + run[from]!, to);
      this.#walk(run, from + 1, start);
      this.#position = 0;
      from = start;
    }
    this.#walk(run, from, to);
  }

  #walk(run: Buffer, from: number, to: number): void {
    for (let at = from; at < to && this.#position >= 0; at++) this.#step(run, at);
  }

  /** Takes the next byte of a section, which may lie across packets at any place. */
  #step(run: Buffer, at: number): void {
    const byte = run[at]!;
    const position = this.#position++;
    const end = 3 + this.#length;
    if (position === 0) {
      this.#id = byte;
      this.#length = 0xfff;
      if (byte === STUFFING) this.#position = -1;
    } else if (position === 1) this.#length = ((byte & 0x0f) << 8) | 0xff;
    else if (position === 2) this.#length = (this.#length & 0xf00) | byte;
    else if (position >= end - 1) this.#position = 0;
    if (this.#id !== this.#tableId) return;
    if (position === VERSION_AT) {
      run[at] = shifted(byte, this.#shift);
      this.#crcMask = this.#maskFor(byte ^ run[at]);
    } else if (position > VERSION_AT && position >= end - CRC_BYTES) {
      run[at] = byte ^ ((this.#crcMask >>> (8 * (end - 1 - position))) & 0xff);
    }
  }

  /**
   * What the change of bits `changed` in the version byte does to the checksum: that is linear, so nothing but the
   * distance to the end matters, and a wrong checksum stays wrong.
   */
  #maskFor(changed: number): number {
    const rest = Buffer.alloc(Math.max(0, 3 + this.#length - CRC_BYTES - VERSION_AT));
    rest[0] = changed;
    return crc32(rest, 0);
  }
}
