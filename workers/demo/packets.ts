/** Bytes in an MPEG-TS packet; every one starts with {@link SYNC_BYTE}. */
export const PACKET_BYTES = 188;

/** First byte of every packet. */
export const SYNC_BYTE = 0x47;

/** PID of the programme association table. */
export const PAT_PID = 0;

/** PID of the programme map table, in the clip and in the synthetic stream alike. */
export const PMT_PID = 0x1000;

/** PID of the H.264 video, which also carries the PCR. */
export const VIDEO_PID = 0x100;

/** PID of the AAC audio. */
export const AUDIO_PID = 0x101;

/** PTS, DTS and the PCR's base count 90 000 a second in 33 bits, so they start again after about 26.5 hours. */
export const TIMESTAMP_MODULO = 2 ** 33;

/** The 13-bit PID of the packet at `at`. */
export const pidAt = (packets: Uint8Array, at: number): number => ((packets[at + 1]! & 0x1f) << 8) | packets[at + 2]!;

/** Whether the packet at `at` starts a PES packet or a table section. */
export const startsUnit = (packets: Uint8Array, at: number): boolean => (packets[at + 1]! & 0x40) !== 0;

/** Whether the packet at `at` has a payload; only such packets advance the continuity counter. */
export const hasPayload = (packets: Uint8Array, at: number): boolean => (packets[at + 3]! & 0x10) !== 0;

/** Bytes of adaptation field in the packet at `at`, with its length byte; 0 when there is none. */
export const adaptationBytes = (packets: Uint8Array, at: number): number =>
  (packets[at + 3]! & 0x20) !== 0 ? packets[at + 4]! + 1 : 0;

/** Whether the packet at `at` carries a PCR (at its byte 6). */
export const hasPcr = (packets: Uint8Array, at: number): boolean =>
  adaptationBytes(packets, at) > 1 && (packets[at + 5]! & 0x10) !== 0;

/** Whether the packet at `at` is flagged as a random access point. */
export const isRandomAccess = (packets: Uint8Array, at: number): boolean =>
  adaptationBytes(packets, at) > 1 && (packets[at + 5]! & 0x40) !== 0;

/** Base of the PCR whose field starts at `at`, in 90 kHz ticks. */
export const readPcrBase = (packets: Uint8Array, at: number): number =>
  packets[at]! * 2 ** 25 +
  ((packets[at + 1]! << 17) | (packets[at + 2]! << 9) | (packets[at + 3]! << 1) | (packets[at + 4]! >> 7));

/** Writes a PCR base (90 kHz ticks) and leaves the 27 MHz extension as it is. */
export function writePcrBase(packets: Uint8Array, at: number, ticks: number): void {
  packets[at] = Math.floor(ticks / 2 ** 25);
  packets[at + 1] = ticks / 2 ** 17;
  packets[at + 2] = ticks / 2 ** 9;
  packets[at + 3] = ticks / 2;
  packets[at + 4] = (packets[at + 4]! & 0x7f) | ((ticks % 2) << 7);
}

/** A PTS or DTS whose five bytes start at `at`, in 90 kHz ticks. */
export const readTimestamp = (packets: Uint8Array, at: number): number =>
  ((packets[at]! >> 1) & 7) * 2 ** 30 +
  ((packets[at + 1]! << 22) | ((packets[at + 2]! >> 1) << 15) | (packets[at + 3]! << 7) | (packets[at + 4]! >> 1));

/** Writes a PTS or DTS (90 kHz ticks), keeping the four prefix bits that are already there. */
export function writeTimestamp(packets: Uint8Array, at: number, ticks: number): void {
  const low = ticks % 2 ** 30;
  packets[at] = (packets[at]! & 0xf0) | (Math.floor(ticks / 2 ** 30) << 1) | 1;
  packets[at + 1] = low >> 22;
  packets[at + 2] = ((low >> 14) & 0xfe) | 1;
  packets[at + 3] = low >> 7;
  packets[at + 4] = ((low << 1) & 0xfe) | 1;
}

/** The CRC that ends every table section (ISO 13818-1 annex A: polynomial 0x04c11db7, no reflection). */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
