/** Builds MPEG transport streams packet by packet, as ISO/IEC 13818-1 describes them; independent of the product. */

export const PACKET_BYTES = 188;
export const PMT_PID = 0x1000;
export const VIDEO_PID = 0x100;
export const AUDIO_PID = 0x101;
export const NULL_PID = 0x1fff;

export const H264 = 0x1b;
export const HEVC = 0x24;
export const MPEG2 = 0x02;
export const AAC = 0x0f;

/** Fields of one packet. */
export interface PacketFields {
  pid: number;
  counter: number;
  /** Left out: a packet without payload. */
  payload?: Buffer;
  startsUnit?: boolean;
  randomAccess?: boolean;
  discontinuity?: boolean;
  /** 27 MHz ticks / 300. */
  pcrBase?: number;
  scrambled?: boolean;
  /** Makes the adaptation field the length byte alone. */
  emptyAdaptation?: boolean;
}

/** One packet; a payload that is too short is filled up by an adaptation field. */
export function packet(fields: PacketFields): Buffer {
  const { pid, counter, payload = Buffer.alloc(0) } = fields;
  const flags =
    (fields.discontinuity ? 0x80 : 0) | (fields.randomAccess ? 0x40 : 0) | (fields.pcrBase !== undefined ? 0x10 : 0);
  let body = Buffer.alloc(0);
  if (flags !== 0) body = Buffer.from([flags]);
  if (fields.pcrBase !== undefined) {
    const pcr = Buffer.alloc(6);
    pcr.writeUInt32BE(Math.floor(fields.pcrBase / 2) >>> 0, 0);
    pcr[4] = ((fields.pcrBase & 1) << 7) | 0x7e;
    body = Buffer.concat([body, pcr]);
  }
  const room = PACKET_BYTES - 4 - payload.length;
  const adaptation = flags !== 0 || fields.emptyAdaptation === true || room > 0;
  if (adaptation) {
    if (body.length === 0 && room > 1) body = Buffer.from([0]);
    const length = room - 1;
    if (length < body.length) throw new Error(`payload of ${payload.length} bytes does not fit`);
    body = Buffer.concat([Buffer.from([length]), body, Buffer.alloc(length - body.length, 0xff)]);
  } else if (room < 0) throw new Error(`payload of ${payload.length} bytes does not fit`);
  const header = Buffer.from([
    0x47,
    (fields.startsUnit ? 0x40 : 0) | (pid >> 8),
    pid & 0xff,
    (fields.scrambled ? 0x80 : 0) | (adaptation ? 0x20 : 0) | (payload.length > 0 ? 0x10 : 0) | (counter & 15),
  ]);
  return Buffer.concat([header, body, payload]);
}

/** CRC of ISO/IEC 13818-1 annex A. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** A long-form section with its CRC. */
export function section(tableId: number, idExtension: number, version: number, content: Buffer): Buffer {
  const length = 5 + content.length + 4;
  const head = Buffer.from([
    tableId,
    0xb0 | (length >> 8),
    length & 0xff,
    idExtension >> 8,
    idExtension & 0xff,
    0xc1 | (version << 1),
    0,
    0,
  ]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(Buffer.concat([head, content])));
  return Buffer.concat([head, content, crc]);
}

/** A program association section. */
export function patSection(programs: readonly { number: number; pid: number }[], version = 0): Buffer {
  const entries = programs.map(({ number, pid }) =>
    Buffer.from([number >> 8, number & 0xff, 0xe0 | (pid >> 8), pid & 0xff]),
  );
  return section(0, 1, version, Buffer.concat(entries));
}

/** One elementary stream of a program map section. */
export interface StreamFields {
  type: number;
  pid: number;
  descriptors?: Buffer;
}

/** A program map section. */
export function pmtSection(
  pcrPid: number,
  streams: readonly StreamFields[],
  { version = 0, programDescriptors = Buffer.alloc(0) }: { version?: number; programDescriptors?: Buffer } = {},
): Buffer {
  const entries = streams.map(({ type, pid, descriptors = Buffer.alloc(0) }) =>
    Buffer.concat([
      Buffer.from([type, 0xe0 | (pid >> 8), pid & 0xff, 0xf0 | (descriptors.length >> 8), descriptors.length & 0xff]),
      descriptors,
    ]),
  );
  const head = Buffer.from([
    0xe0 | (pcrPid >> 8),
    pcrPid & 0xff,
    0xf0 | (programDescriptors.length >> 8),
    programDescriptors.length & 0xff,
  ]);
  return section(2, 1, version, Buffer.concat([head, programDescriptors, ...entries]));
}

/** A descriptor of `length` bytes of content. */
export function descriptor(tag: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([tag, length]), Buffer.alloc(length, tag)]);
}

/** The packets that carry one section, stuffed as multiplexers do it. */
export function sectionPackets(pid: number, bytes: Buffer, counter: number): Buffer[] {
  const packets: Buffer[] = [];
  const all = Buffer.concat([Buffer.from([0]), bytes]);
  for (let from = 0; from < all.length; from += 184) {
    const payload = Buffer.alloc(184, 0xff);
    all.copy(payload, 0, from, Math.min(all.length, from + 184));
    packets.push(packet({ pid, counter: counter + packets.length, startsUnit: from === 0, payload }));
  }
  return packets;
}

/** The last section on a PID that is whole by its length and its CRC; undefined when there is none. */
export function sectionIn(bytes: Buffer, pid: number): Buffer | undefined {
  let whole: Buffer | undefined;
  let begun: Buffer | undefined;
  const take = (part: Buffer): void => {
    if (begun === undefined) return;
    begun = Buffer.concat([begun, part]);
    if (begun.length < 3) return;
    const length = 3 + (begun.readUInt16BE(1) & 0xfff);
    if (begun.length < length) return;
    const found = begun.subarray(0, length);
    if (crc32(found) === 0) whole = found;
    begun = undefined;
  };
  for (const at of offsetsOf(bytes).filter(offset => pidAt(bytes, offset) === pid)) {
    const control = bytes[at + 3]!;
    if ((control & 0x10) === 0) continue;
    let from = at + 4 + ((control & 0x20) === 0 ? 0 : 1 + bytes[at + 4]!);
    const to = at + PACKET_BYTES;
    if ((bytes[at + 1]! & 0x40) !== 0) {
      const pointer = bytes[from++]!;
      take(bytes.subarray(from, from + pointer));
      from += pointer;
      begun = Buffer.alloc(0);
    }
    take(bytes.subarray(from, to));
  }
  return whole;
}

/** Start of a PES packet with a presentation time. */
export function pesHeader(streamId: number, pts = 0): Buffer {
  const high = Math.floor(pts / 2 ** 30) & 7;
  const mid = Math.floor(pts / 2 ** 15) & 0x7fff;
  const low = pts & 0x7fff;
  return Buffer.from([
    0,
    0,
    1,
    streamId,
    0,
    0,
    0x80,
    0x80,
    5,
    0x21 | (high << 1),
    mid >> 7,
    ((mid & 0x7f) << 1) | 1,
    low >> 7,
    ((low & 0x7f) << 1) | 1,
  ]);
}

const START_CODE = [0, 0, 1];

/** The first bytes of access units, after the PES header. */
export const ACCESS_UNITS = {
  h264Key: Buffer.from([0, ...START_CODE, 0x09, 0xf0, ...START_CODE, 0x67, 0x64, 0, 0x1f, ...START_CODE, 0x65, 0x88]),
  h264Idr: Buffer.from([0, ...START_CODE, 0x09, 0xf0, ...START_CODE, 0x65, 0x88]),
  h264Slice: Buffer.from([0, ...START_CODE, 0x09, 0xf0, ...START_CODE, 0x41, 0x9a]),
  h264Sei: Buffer.from([0, ...START_CODE, 0x09, 0xf0, ...START_CODE, 0x06, 0x01, 0x01, 0x04, 0x80]),
  hevcKey: Buffer.from([0, ...START_CODE, 0x46, 0x01, 0x50, ...START_CODE, 0x40, 0x01]),
  hevcCra: Buffer.from([0, ...START_CODE, 0x46, 0x01, 0x50, ...START_CODE, 0x2a, 0x01]),
  hevcSlice: Buffer.from([0, ...START_CODE, 0x46, 0x01, 0x50, ...START_CODE, 0x02, 0x01]),
  mpeg2Key: Buffer.from([...START_CODE, 0xb3, 0x2d, 0x02, 0x40]),
  mpeg2Picture: Buffer.from([...START_CODE, 0x00, 0x00, 0x57]),
} as const;

/** What kind of picture a unit of video begins with. */
export type AccessUnit = keyof typeof ACCESS_UNITS;

/** Writes a multiplex whose continuity counters are right. */
export class Multiplex {
  readonly #counters = new Map<number, number>();
  readonly #parts: Buffer[] = [];
  #serial = 0;
  pmtPid = PMT_PID;
  pmt = pmtSection(VIDEO_PID, [
    { type: H264, pid: VIDEO_PID },
    { type: AAC, pid: AUDIO_PID },
  ]);

  /** Bytes written so far. */
  get length(): number {
    return this.#parts.reduce((sum, part) => sum + part.length, 0);
  }

  /** What was written since the last call. */
  take(): Buffer {
    return Buffer.concat(this.#parts.splice(0));
  }

  /** Program association table. */
  pat(programs = [{ number: 1, pid: this.pmtPid }]): this {
    return this.#table(0, patSection(programs));
  }

  /** Program map table. */
  programMap(): this {
    return this.#table(this.pmtPid, this.pmt);
  }

  /** PAT and PMT. */
  tables(): this {
    return this.pat().programMap();
  }

  /** The first packet of a picture. */
  picture(unit: AccessUnit, fields: Partial<PacketFields> & { streamId?: number } = {}): this {
    const { streamId = 0xe0, ...rest } = fields;
    return this.packet({
      pid: VIDEO_PID,
      startsUnit: true,
      payload: this.#fill(Buffer.concat([pesHeader(streamId), ACCESS_UNITS[unit]]), 150),
      ...rest,
    });
  }

  /** A key frame as good multiplexers mark it, and `more` packets of it. */
  keyFrame(more = 3): this {
    return this.picture('h264Key', { randomAccess: true, pcrBase: this.#serial }).video(more);
  }

  /** Packets that go on with a picture. */
  video(packets = 1): this {
    for (let i = 0; i < packets; i++) this.packet({ pid: VIDEO_PID, payload: this.#fill(Buffer.alloc(0), 184) });
    return this;
  }

  /** Starts of audio units. */
  audio(packets = 1): this {
    for (let i = 0; i < packets; i++)
      this.packet({ pid: AUDIO_PID, startsUnit: true, payload: this.#fill(pesHeader(0xc0), 184) });
    return this;
  }

  /** Packets that carry nothing. */
  stuffing(packets = 1): this {
    for (let i = 0; i < packets; i++)
      this.#parts.push(packet({ pid: NULL_PID, counter: 0, payload: Buffer.alloc(184) }));
    return this;
  }

  /** A group of pictures: tables, a key frame, ordinary pictures with audio between them. */
  group(pictures = 4, packetsPerPicture = 4): this {
    this.tables().keyFrame(packetsPerPicture - 1);
    for (let i = 1; i < pictures; i++)
      this.audio()
        .picture('h264Slice')
        .video(packetsPerPicture - 1);
    return this.audio();
  }

  /** Any packet, with the next counter of its PID. */
  packet(fields: Omit<PacketFields, 'counter'>): this {
    const carries = fields.payload !== undefined && fields.payload.length > 0;
    const last = this.#counters.get(fields.pid) ?? 15;
    const counter = carries ? (last + 1) & 15 : last;
    this.#counters.set(fields.pid, counter);
    this.#parts.push(packet({ ...fields, counter }));
    return this;
  }

  #table(pid: number, bytes: Buffer): this {
    for (const part of sectionPackets(pid, bytes, (this.#counters.get(pid) ?? 15) + 1)) {
      this.#counters.set(pid, part[3]! & 15);
      this.#parts.push(part);
    }
    return this;
  }

  /** Payload that differs from packet to packet and holds no start code. */
  #fill(begin: Buffer, length: number): Buffer {
    const payload = Buffer.alloc(length, 0x80 | (this.#serial & 0x3f));
    begin.copy(payload);
    payload.writeUInt32BE((0x80808080 + this.#serial++) >>> 0, length - 4);
    return payload;
  }
}

/** Offsets of the packets of a buffer that starts with one. */
export function offsetsOf(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / PACKET_BYTES) }, (_, i) => i * PACKET_BYTES);
}

/** PID of the packet at `at`. */
export function pidAt(bytes: Buffer, at: number): number {
  return bytes.readUInt16BE(at + 1) & 0x1fff;
}

/** PIDs of all packets, in order. */
export function pidsOf(bytes: Buffer): number[] {
  return offsetsOf(bytes).map(at => pidAt(bytes, at));
}

/**
 * What a checker that looks at packets with payload finds wrong: bytes off the grid, and jumps of continuity counters
 * that no discontinuity indicator announces.
 */
export function faultsIn(bytes: Buffer): string[] {
  const faults: string[] = [];
  if (bytes.length % PACKET_BYTES !== 0) faults.push(`${bytes.length % PACKET_BYTES} bytes behind the last packet`);
  const counters = new Map<number, number>();
  for (const at of offsetsOf(bytes)) {
    if (bytes[at] !== 0x47) {
      faults.push(`packet ${at / PACKET_BYTES}: no sync byte`);
      continue;
    }
    const pid = pidAt(bytes, at);
    const control = bytes[at + 3]!;
    if (pid === NULL_PID || (control & 0x10) === 0) continue;
    const before = counters.get(pid);
    const flagged = (control & 0x20) !== 0 && bytes[at + 4]! > 0 && (bytes[at + 5]! & 0x80) !== 0;
    const counter = control & 15;
    counters.set(pid, counter);
    if (before !== undefined && !flagged && counter !== ((before + 1) & 15))
      faults.push(`packet ${at / PACKET_BYTES}: PID ${pid} jumps from ${before} to ${counter}`);
  }
  return faults;
}
