import {
  AAC,
  ACCESS_UNITS,
  AUDIO_PID,
  H264,
  NULL_PID,
  offsetsOf,
  PACKET_BYTES,
  type PacketFields,
  PMT_PID,
  packet,
  patSection,
  pesHeader,
  pidAt,
  pmtSection,
  sectionPackets,
  VIDEO_PID,
} from './ts.ts';

/** Where the sequence number of a packet with a payload is. */
const SEQUENCE_AT = PACKET_BYTES - 4;
/** PID of a table that comes once a group and is not in the program map. */
export const SERVICE_PID = 0x11;
/** Packets from one key frame to the next; also where the tables are. */
export const GROUP_PACKETS = 60;
/** Packets from one PCR to the next. */
export const PCR_PACKETS = 12;

/** What a broadcast is like. */
export interface BroadcastOptions {
  packets: number;
  pmt?: Buffer;
  pmtPid?: number;
  videoPid?: number;
  audioPid?: number;
  /** PID of the PCRs; packets of their own when it is that of neither video nor audio. */
  pcrPid?: number;
  /** 90 kHz. */
  firstPcr?: number;
  /** 90 kHz; 300 by default, a fifth of a second a group. */
  ticksPerPacket?: number;
  randomAccessFlags?: boolean;
  /** Whether key frames come at all. */
  keyFrames?: boolean;
  tables?: boolean;
  scrambled?: boolean;
  /** Told apart from another broadcast by what is in the packets. */
  fill?: number;
}

/** The packets of a broadcast with right counters; those with a payload carry their number in it, tables aside. */
export function broadcast(options: BroadcastOptions): Buffer[] {
  const { packets, videoPid = VIDEO_PID, audioPid = AUDIO_PID, pcrPid = videoPid, pmtPid = PMT_PID } = options;
  const { firstPcr = 0, ticksPerPacket = 300, randomAccessFlags = true, keyFrames = true, scrambled = false } = options;
  const pmt =
    options.pmt ??
    pmtSection(pcrPid, [
      { type: H264, pid: videoPid },
      { type: AAC, pid: audioPid },
    ]);
  const tables = [...sectionPackets(0, patSection([{ number: 1, pid: pmtPid }]), 0), ...sectionPackets(pmtPid, pmt, 0)];
  const counters = new Map<number, number>();
  const list: Buffer[] = [];
  const add = (made: Buffer): void => {
    const pid = pidAt(made, 0);
    const last = counters.get(pid) ?? 15;
    const counter = (made[3]! & 0x10) !== 0 && pid !== NULL_PID ? (last + 1) & 15 : last;
    counters.set(pid, counter);
    made[3] = (made[3]! & 0xf0) | counter;
    list.push(made);
  };
  const carry = (fields: Omit<PacketFields, 'counter'>, begin: Buffer, length: number): void => {
    const payload = Buffer.alloc(length, 0x80 | ((options.fill ?? list.length) & 0x3f));
    begin.copy(payload);
    payload.writeUInt32BE(list.length + 0x01000000 * ((options.fill ?? 0) & 0x7f), length - 4);
    add(packet({ ...fields, scrambled, payload, counter: 0 }));
  };
  const clock = (): number => (firstPcr + list.length * ticksPerPacket) % 2 ** 33;
  while (list.length < packets) {
    const inGroup = list.length % GROUP_PACKETS;
    const pcr = list.length % PCR_PACKETS === 2 ? { pcrBase: clock() } : {};
    const own = pcrPid !== videoPid && pcrPid !== audioPid;
    if (inGroup < tables.length) {
      if (options.tables === false) add(packet({ pid: NULL_PID, counter: 0, payload: Buffer.alloc(184) }));
      else add(Buffer.from(tables[inGroup]!));
    } else if (inGroup === tables.length) {
      const key = { startsUnit: true, randomAccess: randomAccessFlags && keyFrames, pid: videoPid };
      const unit = keyFrames ? ACCESS_UNITS.h264Key : ACCESS_UNITS.h264Slice;
      carry({ ...key, ...(pcrPid === videoPid ? pcr : {}) }, Buffer.concat([pesHeader(0xe0), unit]), 150);
    } else if (own && 'pcrBase' in pcr) add(packet({ pid: pcrPid, counter: 0, ...pcr }));
    else if (inGroup === 30) carry({ pid: SERVICE_PID, startsUnit: true }, Buffer.from([0, 0x42]), 184);
    else if (inGroup % 7 === 4)
      carry({ pid: audioPid, startsUnit: true, ...(pcrPid === audioPid ? pcr : {}) }, pesHeader(0xc0), 170);
    else if (inGroup % 7 === 5)
      carry({ pid: audioPid, ...(pcrPid === audioPid ? pcr : {}) }, Buffer.alloc(0), 'pcrBase' in pcr ? 150 : 184);
    else if (inGroup % 11 === 10) add(packet({ pid: NULL_PID, counter: 0, payload: Buffer.alloc(184) }));
    else if (list.length % PCR_PACKETS === 2)
      carry(
        { pid: videoPid, startsUnit: true, ...(pcrPid === videoPid ? pcr : {}) },
        Buffer.concat([pesHeader(0xe0), ACCESS_UNITS.h264Slice]),
        150,
      );
    else carry({ pid: videoPid }, Buffer.alloc(0), 184);
  }
  return list;
}

/** Part of a broadcast as one reading brings it, with each PID's counters shifted as a multiplexer of its own would. */
export function reading(packets: readonly Buffer[], from = 0, to = packets.length, shift = 0): Buffer {
  const bytes = Buffer.concat(packets.slice(from, to));
  for (const at of offsetsOf(bytes)) {
    const pid = pidAt(bytes, at);
    if (pid !== NULL_PID) bytes[at + 3] = (bytes[at + 3]! & 0xf0) | ((bytes[at + 3]! + shift * (pid + 1)) & 15);
  }
  return bytes;
}

/** Numbers of the packets that carry one, in order. */
export function sequencesIn(bytes: Buffer, pids: readonly number[] = [VIDEO_PID, AUDIO_PID, SERVICE_PID]): number[] {
  return offsetsOf(bytes)
    .filter(at => pids.includes(pidAt(bytes, at)) && (bytes[at + 3]! & 0x10) !== 0)
    .map(at => bytes.readUInt32BE(at + SEQUENCE_AT) & 0xffffff);
}

/** Whether a packet has the discontinuity indicator. */
export const isFlagged = (bytes: Buffer, at: number): boolean =>
  (bytes[at + 3]! & 0x20) !== 0 && bytes[at + 4]! > 0 && (bytes[at + 5]! & 0x80) !== 0;

/**
 * What the strictest of checkers finds wrong, one that lets no flag excuse a counter: bytes off the grid, counters that
 * do not go on, packets without payload that do not repeat the counter, times before their clock.
 */
export function strictFaults(bytes: Buffer): string[] {
  const faults: string[] = [];
  const counters = new Map<number, number>();
  for (const at of offsetsOf(bytes)) {
    const pid = pidAt(bytes, at);
    const counter = bytes[at + 3]! & 15;
    if (bytes[at] !== 0x47) faults.push(`packet ${at / PACKET_BYTES}: no sync byte`);
    if (pid === NULL_PID) continue;
    const before = counters.get(pid);
    const expected = (bytes[at + 3]! & 0x10) !== 0 ? ((before ?? counter - 1) + 1) & 15 : (before ?? counter);
    if (counter !== expected) faults.push(`packet ${at / PACKET_BYTES}: PID ${pid} has ${counter} after ${before}`);
    counters.set(pid, counter);
  }
  if (bytes.length % PACKET_BYTES !== 0) faults.push('bytes behind the last packet');
  return faults;
}
