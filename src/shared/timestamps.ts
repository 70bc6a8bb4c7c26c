/** Times in an MPEG transport stream: the program clock (PCR) in packets, PTS and DTS in PES headers. */

/** PTS, DTS and the PCR's base count 90 000 a second in 33 bits, so they start again after about 26.5 hours. */
export const TIMESTAMP_MODULO = 2 ** 33;
/** Ticks of the full PCR in a second. */
export const PCR_HZ = 27_000_000;
/** The full PCR counts 300 for each tick of its base. */
export const PCR_MODULO = TIMESTAMP_MODULO * 300;

/** Whether the packet at `at` carries a PCR; its field is then at byte 6 of the packet. */
export function hasPcr(buffer: Uint8Array, at: number): boolean {
  return (buffer[at + 3]! & 0x20) !== 0 && buffer[at + 4]! >= 7 && (buffer[at + 5]! & 0x10) !== 0;
}

/** Base of the PCR whose field starts at `at`, in 90 kHz ticks. */
export function readPcrBase(buffer: Uint8Array, at: number): number {
  const low = (buffer[at + 1]! << 17) | (buffer[at + 2]! << 9) | (buffer[at + 3]! << 1) | (buffer[at + 4]! >> 7);
  return buffer[at]! * 2 ** 25 + low;
}

/** Writes a PCR base (90 kHz ticks) and leaves the 27 MHz extension as it is. */
export function writePcrBase(buffer: Uint8Array, at: number, ticks: number): void {
  buffer[at] = Math.floor(ticks / 2 ** 25);
  buffer[at + 1] = ticks / 2 ** 17;
  buffer[at + 2] = ticks / 2 ** 9;
  buffer[at + 3] = ticks / 2;
  buffer[at + 4] = (buffer[at + 4]! & 0x7f) | ((ticks % 2) << 7);
}

/** The whole PCR whose field starts at `at`, in 27 MHz ticks. */
export function readPcr(buffer: Uint8Array, at: number): number {
  return readPcrBase(buffer, at) * 300 + (((buffer[at + 4]! & 1) << 8) | buffer[at + 5]!);
}

/** Writes the whole PCR (27 MHz ticks) into the field that starts at `at`. */
export function writePcr(buffer: Uint8Array, at: number, ticks: number): void {
  const extension = ticks % 300;
  buffer[at + 4] = 0x7e | (extension >> 8);
  buffer[at + 5] = extension;
  writePcrBase(buffer, at, Math.floor(ticks / 300));
}

/** How far one PCR lies after another, in 27 MHz ticks: the shorter way round, negative when it lies before. */
export function pcrDifference(later: number, earlier: number): number {
  const ahead = (later - earlier + PCR_MODULO) % PCR_MODULO;
  return ahead < PCR_MODULO / 2 ? ahead : ahead - PCR_MODULO;
}

/** A PTS or DTS whose five bytes start at `at`, in 90 kHz ticks. */
export function readTimestamp(buffer: Uint8Array, at: number): number {
  const middle = (buffer[at + 1]! << 22) | ((buffer[at + 2]! >> 1) << 15);
  return ((buffer[at]! >> 1) & 7) * 2 ** 30 + (middle | (buffer[at + 3]! << 7) | (buffer[at + 4]! >> 1));
}

/** Writes a PTS or DTS (90 kHz ticks), keeping the four prefix bits that are already there. */
export function writeTimestamp(buffer: Uint8Array, at: number, ticks: number): void {
  const low = ticks % 2 ** 30;
  buffer[at] = (buffer[at]! & 0xf0) | (Math.floor(ticks / 2 ** 30) << 1) | 1;
  buffer[at + 1] = low >> 22;
  buffer[at + 2] = ((low >> 14) & 0xfe) | 1;
  buffer[at + 3] = low >> 7;
  buffer[at + 4] = ((low << 1) & 0xfe) | 1;
}
