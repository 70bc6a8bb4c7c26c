import { crc32, PACKET_BYTES, PAT_PID, SYNC_BYTE } from '../../src/shared/mpegts.ts';
import { AUDIO_PID, PMT_PID, VIDEO_PID } from './packets.ts';

/** Frames in the one-second group of pictures. */
export const FRAMES_PER_GOP = 25;

/** Tables stand in front of every second frame: each 80 ms, and always in front of the key frame. */
const FRAMES_BETWEEN_TABLES = 2;

const FRAME_TICKS = 90_000 / FRAMES_PER_GOP;

/** What a picture is shown after its first byte was due: half a second of decoder buffer. */
const DELAY_TICKS = 45_000;

const ACCESS_UNIT_DELIMITER = [0, 0, 0, 1, 0x09, 0xf0];
const PARAMETER_SETS = [
  ...[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x84, 0x00, 0x00, 0x03],
  ...[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80],
];
const KEY_SLICE = [0, 0, 0, 1, 0x65, 0x88, 0x84];
const OTHER_SLICE = [0, 0, 0, 1, 0x41, 0x9a, 0x24];

/** Payload that can't be mistaken for a start code. */
const filler = (packet: Buffer, from: number, seed: number): void => {
  for (let at = from; at < PACKET_BYTES; at++) packet[at] = 0x80 | ((seed * 7 + at) & 0x7f);
};

function header(pid: number, start: boolean, control: number): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES, 0xff);
  packet[0] = SYNC_BYTE;
  packet[1] = (start ? 0x40 : 0) | (pid >> 8);
  packet[2] = pid & 0xff;
  packet[3] = control;
  return packet;
}

function table(pid: number, body: number[]): Buffer {
  const packet = header(pid, true, 0x10);
  packet[4] = 0;
  packet.set(body, 5);
  packet.writeUInt32BE(crc32(packet.subarray(5, 5 + body.length)), 5 + body.length);
  return packet;
}

const pat = table(PAT_PID, [0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | (PMT_PID >> 8), PMT_PID & 0xff]);

const pmt = table(PMT_PID, [
  ...[0x02, 0xb0, 23, 0, 1, 0xc1, 0, 0, 0xe0 | (VIDEO_PID >> 8), VIDEO_PID & 0xff, 0xf0, 0],
  ...[0x1b, 0xe0 | (VIDEO_PID >> 8), VIDEO_PID & 0xff, 0xf0, 0],
  ...[0x0f, 0xe0 | (AUDIO_PID >> 8), AUDIO_PID & 0xff, 0xf0, 0],
]);

function timestamp(ticks: number): number[] {
  return [
    0x21 | ((ticks >> 29) & 0x0e),
    (ticks >> 22) & 0xff,
    ((ticks >> 14) & 0xfe) | 1,
    (ticks >> 7) & 0xff,
    ((ticks << 1) & 0xfe) | 1,
  ];
}

function pictureStart(frame: number, pcrTicks: number): Buffer {
  const packet = header(VIDEO_PID, true, 0x30);
  const key = frame === 0;
  const base = Math.floor(pcrTicks);
  const extension = Math.floor((pcrTicks - base) * 300);
  packet.set(
    [7, key ? 0x50 : 0x10, (base / 2 ** 25) & 0xff, (base >> 17) & 0xff, (base >> 9) & 0xff, (base >> 1) & 0xff],
    4,
  );
  packet.set([((base & 1) << 7) | 0x7e | (extension >> 8), extension & 0xff], 10);
  const picture = key ? [...PARAMETER_SETS, ...KEY_SLICE] : OTHER_SLICE;
  const pes = [0, 0, 1, 0xe0, 0, 0, 0x84, 0x80, 5, ...timestamp(frame * FRAME_TICKS + DELAY_TICKS)];
  const content = [...pes, ...ACCESS_UNIT_DELIMITER, ...picture];
  packet.set(content, 12);
  filler(packet, 12 + content.length, frame);
  return packet;
}

function soundFrame(frame: number): Buffer {
  const packet = header(AUDIO_PID, true, 0x10);
  const pes = [0, 0, 1, 0xc0, 0, PACKET_BYTES - 10, 0x84, 0x80, 5, ...timestamp(frame * FRAME_TICKS + DELAY_TICKS)];
  packet.set(pes, 4);
  filler(packet, 4 + pes.length, frame);
  return packet;
}

function pictureRest(index: number): Buffer {
  const packet = header(VIDEO_PID, false, 0x10);
  filler(packet, 4, index);
  return packet;
}

/** The packets of one frame, `count` of them: tables where they are due, picture, one packet of sound half-way. */
function frameOf(frame: number, count: number, pcrTicks: number): Buffer[] {
  const packets = frame % FRAMES_BETWEEN_TABLES === 0 ? [pat, pmt] : [];
  packets.push(pictureStart(frame, pcrTicks));
  const soundAt = packets.length + ((count - packets.length) >> 1);
  while (packets.length < count)
    packets.push(packets.length === soundAt ? soundFrame(frame) : pictureRest(frame * count + packets.length));
  return packets;
}

/**
 * One second of H.264-like stream in `count` packets: PAT and PMT, a key frame flagged as random access point, 24 other
 * frames and sound. Every frame starts with a PES header, PTS and PCR. Nothing in it decodes to a picture.
 */
export function syntheticGop(count: number): Buffer {
  const packets: Buffer[] = [];
  for (let frame = 0; frame < FRAMES_PER_GOP; frame++) {
    const end = Math.floor(((frame + 1) * count) / FRAMES_PER_GOP);
    const tables = frame % FRAMES_BETWEEN_TABLES === 0 ? 2 : 0;
    const pcrTicks = ((packets.length + tables) * 90_000) / count;
    packets.push(...frameOf(frame, end - packets.length, pcrTicks));
  }
  return Buffer.concat(packets);
}
