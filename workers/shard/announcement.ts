import { PACKET_BYTES, SYNC_BYTE } from '../../src/shared/mpegts.ts';
import { writePcr } from '../../src/shared/timestamps.ts';

/**
 * A packet without payload that announces a discontinuity. It does not advance its PID's continuity counter.
 * @param latest the PID's latest counter
 * @param pcr what the program's new clock shows, if the PID carries that
 */
export function discontinuityPacket(pid: number, latest: number, pcr?: number): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES, 0xff);
  packet.set([SYNC_BYTE, pid >> 8, pid & 0xff, 0x20 | latest, PACKET_BYTES - 5, 0x80]);
  if (pcr !== undefined) {
    packet[5]! |= 0x10;
    writePcr(packet, 6, pcr);
  }
  return packet;
}

/** Takes the payload out of a packet with a PCR, in place, and keeps the adaptation field. */
export function removePayload(run: Buffer, at: number): void {
  const from = at + 5 + run[at + 4]!;
  run[at + 1]! &= 0x3f; // No unit starts in it, and no priority.
  run[at + 3] = (run[at + 3]! & 0x0f) | 0x20;
  run[at + 4] = PACKET_BYTES - 5;
  run.fill(0xff, from, at + PACKET_BYTES);
}
