/**
 * What a gateway needs to know of an MPEG transport stream (ISO/IEC 13818-1, table 2-2 ff.). All functions take a
 * buffer and the position of a packet's sync byte in it, so that nothing is sliced or copied to look at a packet.
 */

/** Length of a transport stream packet. */
export const PACKET_BYTES = 188;
/** First byte of every packet. */
export const SYNC_BYTE = 0x47;
/** PID of the program association table. */
export const PAT_PID = 0;
/** PID of packets that carry nothing. */
export const NULL_PID = 0x1fff;

/** Packet identifier, 0–0x1FFF. */
export function pidOf(buffer: Uint8Array, at: number): number {
  return ((buffer[at + 1]! & 0x1f) << 8) | buffer[at + 2]!;
}

/** Whether a PES packet or a section starts in this packet. */
export function startsUnit(buffer: Uint8Array, at: number): boolean {
  return (buffer[at + 1]! & 0x40) !== 0;
}

/** Continuity counter, 0–15; it counts packets with payload. */
export function continuityOf(buffer: Uint8Array, at: number): number {
  return buffer[at + 3]! & 0x0f;
}

/** Whether the packet carries payload. */
export function hasPayload(buffer: Uint8Array, at: number): boolean {
  return (buffer[at + 3]! & 0x10) !== 0;
}

/** Whether the packet has an adaptation field with its flags byte. */
export function hasAdaptationFlags(buffer: Uint8Array, at: number): boolean {
  return (buffer[at + 3]! & 0x20) !== 0 && buffer[at + 4]! > 0;
}

/** Whether a receiver on the way marked the packet as damaged, so that nothing it says can be relied on. */
export function hasTransportError(buffer: Uint8Array, at: number): boolean {
  return (buffer[at + 1]! & 0x80) !== 0;
}

/** Whether the multiplexer says that decoding can begin here. */
export function isRandomAccess(buffer: Uint8Array, at: number): boolean {
  return hasAdaptationFlags(buffer, at) && (buffer[at + 5]! & 0x40) !== 0;
}

/** Whether the payload is scrambled, so that looking into it tells nothing. */
export function isScrambled(buffer: Uint8Array, at: number): boolean {
  return (buffer[at + 3]! & 0xc0) !== 0;
}

/** Position of the first payload byte; the packet's end when it has none. */
export function payloadAt(buffer: Uint8Array, at: number): number {
  if (!hasPayload(buffer, at)) return at + PACKET_BYTES;
  if ((buffer[at + 3]! & 0x20) === 0) return at + 4;
  return Math.min(at + 5 + buffer[at + 4]!, at + PACKET_BYTES);
}

/** Sets the discontinuity indicator of a packet that {@link hasAdaptationFlags}. */
export function flagDiscontinuity(buffer: Uint8Array, at: number): void {
  buffer[at + 5]! |= 0x80;
}

/**
 * A packet that announces a jump of `pid`'s continuity counter: the flag sits in its adaptation field, which fills
 * all but one byte. It carries that byte of payload because many checkers look at packets with payload only.
 * @param nextContinuity counter of the packet that follows
 */
export function bridgePacket(pid: number, nextContinuity: number): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES, 0xff);
  packet[0] = SYNC_BYTE;
  packet[1] = pid >> 8;
  packet[2] = pid & 0xff;
  packet[3] = 0x30 | ((nextContinuity + 15) & 0x0f); // One before, modulo 16.
  packet[4] = PACKET_BYTES - 6;
  packet[5] = 0x80;
  return packet;
}

/** Packets that carry nothing, as multiplexers fill up with them; they keep a connection from looking dead. */
export function nullPackets(count: number): Buffer {
  const packets = Buffer.alloc(count * PACKET_BYTES, 0xff);
  for (let at = 0; at < packets.length; at += PACKET_BYTES) packets.set([SYNC_BYTE, 0x1f, 0xff, 0x10], at);
  return packets;
}

/** The CRC that ends every table section (ISO/IEC 13818-1 annex A: polynomial 0x04c11db7, no reflection). */
export function crc32(bytes: Uint8Array, initial = 0xffffffff): number {
  let crc = initial;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** One elementary stream of a program. */
export interface ElementaryStream {
  pid: number;
  /** stream_type of ISO/IEC 13818-1 table 2-34. */
  type: number;
}

/** What a program map table says. */
export interface Program {
  pcrPid: number;
  streams: readonly ElementaryStream[];
}

const VIDEO_TYPES = new Set([0x01, 0x02, 0x10, 0x1b, 0x20, 0x24, 0x33, 0x42, 0xd1, 0xea]);

/** Whether a stream_type is video. */
export function isVideo(type: number): boolean {
  return VIDEO_TYPES.has(type);
}

/** PID of the first program's map in a program association section, or undefined when it lists none. */
export function programMapPid(section: Uint8Array): number | undefined {
  const end = 3 + (((section[1]! & 0x0f) << 8) | section[2]!) - 4;
  for (let at = 8; at + 4 <= end; at += 4) {
    const programNumber = (section[at]! << 8) | section[at + 1]!;
    if (programNumber !== 0) return ((section[at + 2]! & 0x1f) << 8) | section[at + 3]!; // 0 is the network table.
  }
  return undefined;
}

/** Reads a program map section. */
export function parseProgramMap(section: Uint8Array): Program {
  const end = Math.min(3 + (((section[1]! & 0x0f) << 8) | section[2]!) - 4, section.length);
  const pcrPid = ((section[8]! & 0x1f) << 8) | section[9]!;
  const streams: ElementaryStream[] = [];
  let at = 12 + (((section[10]! & 0x0f) << 8) | section[11]!);
  while (at + 5 <= end) {
    streams.push({ type: section[at]!, pid: ((section[at + 1]! & 0x1f) << 8) | section[at + 2]! });
    at += 5 + (((section[at + 3]! & 0x0f) << 8) | section[at + 4]!);
  }
  return { pcrPid, streams };
}

/** What the start of a video access unit shows about where decoding can begin. */
export type AccessUnitHint = 'key' | 'not-key' | 'unknown';

/**
 * Looks for start codes in the first bytes of a video PES packet. Needed because some multiplexers never set the
 * random-access flag and others set it on every packet.
 * @param type stream_type of the video
 * @param from first payload byte, @param to end of the packet
 */
export function accessUnitHint(buffer: Uint8Array, type: number, from: number, to: number): AccessUnitHint {
  for (let at = from; at + 3 < to; at++) {
    if (buffer[at] !== 0 || buffer[at + 1] !== 0 || buffer[at + 2] !== 1) continue;
    const code = buffer[at + 3]!;
    if (type !== 0x01 && type !== 0x02 && code >= 0x80) continue; // The start of the PES packet itself.
    if (type === 0x1b) {
      const nal = code & 0x1f;
      if (nal === 5 || nal === 7) return 'key'; // An IDR slice, or the parameters that precede one.
      if (nal === 1) return 'not-key';
    } else if (type === 0x24) {
      const nal = (code >> 1) & 0x3f;
      if (nal === 32 || nal === 33 || (nal >= 16 && nal <= 21)) return 'key';
      if (nal <= 9) return 'not-key';
    } else if (type === 0x01 || type === 0x02) {
      if (code === 0xb3) return 'key';
      if (code === 0x00) return 'not-key';
    } else return 'unknown';
  }
  return 'unknown';
}
