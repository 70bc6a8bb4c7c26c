import {
  bridgePacket,
  continuityOf,
  flagDiscontinuity,
  hasAdaptationFlags,
  hasPayload,
  NULL_PID,
  PACKET_BYTES,
  type Program,
  pidOf,
} from '../../src/shared/mpegts.ts';
import type { PacketLog, RandomAccessPoint } from './packet-log.ts';

/** Packets behind the landing point among which each elementary stream is expected to show up. */
const MAX_PACKETS = 1024;

/** What a reader who was moved ahead gets, and where the log goes on. */
export interface Splice {
  bytes: Buffer;
  resumeAt: number;
}

/**
 * Builds the packets that carry a reader over a gap to a random-access point: the tables, then the first packets of
 * every elementary stream, each announcing the jump of its continuity counter.
 * @param program names the elementary streams to expect; without it only those found are flagged
 */
export function buildSplice(log: PacketLog, point: RandomAccessPoint, program: Program | undefined): Splice {
  const seen = new Set<number>();
  const parts = flagTables(point.tables, seen);
  const expected = new Set(program?.streams.map(stream => stream.pid));
  const limit = Math.min(log.end, point.offset + MAX_PACKETS * PACKET_BYTES);
  const region = log.copy(point.offset, limit);
  let at = 0;
  for (; at < region.length && (expected.size > 0 || at === 0); at += PACKET_BYTES) {
    const pid = pidOf(region, at);
    if (pid !== NULL_PID && hasPayload(region, at) && !seen.has(pid)) {
      seen.add(pid);
      expected.delete(pid);
      if (hasAdaptationFlags(region, at)) flagDiscontinuity(region, at);
      else parts.push(bridgePacket(pid, continuityOf(region, at)));
    }
    parts.push(region.subarray(at, at + PACKET_BYTES));
  }
  return { bytes: Buffer.concat(parts), resumeAt: point.offset + at };
}

/** The packets of PAT and PMT, each PID's first one announcing the jump; adds their PIDs to `seen`. */
function flagTables(tables: Buffer, seen: Set<number>): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < tables.length; at += PACKET_BYTES) {
    const pid = pidOf(tables, at);
    const first = !seen.has(pid);
    seen.add(pid);
    const packet = tables.subarray(at, at + PACKET_BYTES);
    const flagged = first ? withDiscontinuityFlag(packet) : packet;
    if (flagged === undefined) parts.push(bridgePacket(pid, continuityOf(packet, 0)), packet);
    else parts.push(flagged);
  }
  return parts;
}

/** The packet with the flag in a new adaptation field, made room for by its stuffing; undefined when there is none. */
function withDiscontinuityFlag(packet: Buffer): Buffer | undefined {
  if ((packet[3]! & 0x20) !== 0 || packet[186] !== 0xff || packet[187] !== 0xff) return undefined;
  const flagged = Buffer.alloc(PACKET_BYTES);
  packet.copy(flagged, 0, 0, 4);
  flagged[3]! |= 0x20;
  flagged[4] = 1;
  flagged[5] = 0x80;
  packet.copy(flagged, 6, 4, PACKET_BYTES - 2);
  return flagged;
}
