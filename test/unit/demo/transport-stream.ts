import { hasPayload, isRandomAccess, PACKET_BYTES, pidOf, SYNC_BYTE } from '../../../src/shared/mpegts.ts';
import { hasPcr, readPcrBase, TIMESTAMP_MODULO } from '../../../src/shared/timestamps.ts';
import { VIDEO_PID } from '../../../workers/demo/packets.ts';

/** Offsets of the packets of a buffer that starts with one. */
export const offsets = (bytes: Buffer): number[] =>
  Array.from({ length: Math.floor(bytes.length / PACKET_BYTES) }, (_, index) => index * PACKET_BYTES);

/** What is wrong with whole packets: lost sync and steps of a continuity counter that aren't one. */
export function problems(bytes: Buffer): { sync: number; counter: number } {
  const found = { sync: 0, counter: 0 };
  const last = new Map<number, number>();
  for (const at of offsets(bytes)) {
    if (bytes[at] !== SYNC_BYTE) found.sync++;
    const pid = pidOf(bytes, at);
    if (pid === 0x1fff) continue;
    const counter = bytes[at + 3]! & 15;
    const before = last.get(pid);
    const expected = hasPayload(bytes, at) ? ((before ?? counter - 1) + 1) & 15 : before;
    if (before !== undefined && counter !== expected) found.counter++;
    last.set(pid, counter);
  }
  return found;
}

/** Every PCR as packet number and 90 kHz ticks. */
export const pcrs = (bytes: Buffer): { packet: number; ticks: number }[] =>
  offsets(bytes)
    .filter(at => hasPcr(bytes, at))
    .map(at => ({ packet: at / PACKET_BYTES, ticks: readPcrBase(bytes, at + 6) }));

/** Ticks from one 33-bit time to a later one. */
export const ticksBetween = (from: number, to: number): number => (to - from + TIMESTAMP_MODULO) % TIMESTAMP_MODULO;

/** Packet numbers of the video's random access points. */
export const keyFrames = (bytes: Buffer): number[] =>
  offsets(bytes)
    .filter(at => pidOf(bytes, at) === VIDEO_PID && isRandomAccess(bytes, at))
    .map(at => at / PACKET_BYTES);

/** Sequence numbers and times of the stamped packets. */
export const stamps = (bytes: Buffer): { sequence: number; nanoseconds: bigint }[] =>
  offsets(bytes)
    .filter(at => bytes.toString('latin1', at + 4, at + 8) === 'TSMP')
    .map(at => ({ sequence: bytes.readUInt32LE(at + 16), nanoseconds: bytes.readBigUInt64LE(at + 8) }));
