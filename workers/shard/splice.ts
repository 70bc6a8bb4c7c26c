import {
  bridgePacket,
  continuityOf,
  flagDiscontinuity,
  hasAdaptationFlags,
  hasPayload,
  NULL_PID,
  PACKET_BYTES,
  pidOf,
} from '../../src/shared/mpegts.ts';
import type { EntryPoint, PacketLog } from './packet-log.ts';

/** Packets behind the entry point that are copied, so that the flag can be set in them. */
const MAX_COPIED_PACKETS = 256;
/** Packets after those that are searched for elementary streams which have not shown up yet. */
const MAX_SEARCHED_PACKETS = 32_768;

/** What a reader who was moved ahead gets, and where the log goes on. */
export interface Splice {
  bytes: Buffer;
  resumeAt: number;
}

/** What is known of the stream's make-up. */
export interface StreamLayout {
  /** PIDs that have carried payload, null packets aside. */
  pids: readonly number[];
  /** Continuity counter of a PID's latest packet with payload at the end of the log; undefined before its first. */
  lastContinuity(pid: number): number | undefined;
}

/**
 * Builds the packets that carry a reader over a gap to an entry point: the tables, then the first packets of
 * every elementary stream, each announcing the jump of its continuity counter.
 * @param layout names the PIDs to expect
 */
export function buildSplice(log: PacketLog, point: EntryPoint, layout: StreamLayout): Splice {
  const seen = new Set<number>();
  const parts = flagTables(point.tables, seen);
  const expected = new Set(layout.pids.filter(pid => !seen.has(pid)));
  const limit = Math.min(log.end, point.offset + MAX_COPIED_PACKETS * PACKET_BYTES);
  const region = log.copy(point.offset, limit);
  let at = 0;
  for (; at < region.length && expected.size > 0; at += PACKET_BYTES) {
    const pid = pidOf(region, at);
    if (pid !== NULL_PID && hasPayload(region, at) && !seen.has(pid)) {
      seen.add(pid);
      expected.delete(pid);
      if (hasAdaptationFlags(region, at)) flagDiscontinuity(region, at);
      else parts.push(bridgePacket(pid, continuityOf(region, at)));
    }
    parts.push(region.subarray(at, at + PACKET_BYTES));
  }
  const resumeAt = point.offset + at;
  const coming = nextContinuities(log, resumeAt, expected, layout);
  for (const [pid, next] of coming) parts.push(bridgePacket(pid, next));
  return { bytes: Buffer.concat(parts), resumeAt };
}

/** Continuity counters with which these PIDs go on at `from`, for those of which that can be told. */
function nextContinuities(
  log: PacketLog,
  from: number,
  pids: ReadonlySet<number>,
  layout: StreamLayout,
): Map<number, number> {
  const found = new Map<number, number>();
  const limit = Math.min(log.end, from + MAX_SEARCHED_PACKETS * PACKET_BYTES);
  for (let offset = from; offset < limit && found.size < pids.size; offset += PACKET_BYTES) {
    const { buffer, base } = log.segmentAt(offset);
    const pid = pidOf(buffer, offset - base);
    if (!pids.has(pid) || found.has(pid) || !hasPayload(buffer, offset - base)) continue;
    found.set(pid, continuityOf(buffer, offset - base));
  }
  // Whatever does not come before the end of the log goes on where it stopped.
  if (limit === log.end) for (const pid of pids) if (!found.has(pid)) found.set(pid, layout.lastContinuity(pid)! + 1);
  return found;
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

/**
 * The packet of a table with the flag in a new adaptation field, made room for by its stuffing; undefined when it has
 * none to spare.
 */
function withDiscontinuityFlag(packet: Buffer): Buffer | undefined {
  if ((packet[3]! & 0x20) !== 0) return undefined;
  const section = 5 + packet[4]!; // After the pointer field and what it points over.
  const stuffing = section + 3 + (((packet[section + 1]! & 0x0f) << 8) | packet[section + 2]!);
  if (stuffing > PACKET_BYTES - 2 || packet[stuffing] !== 0xff) return undefined;
  const flagged = Buffer.alloc(PACKET_BYTES);
  packet.copy(flagged, 0, 0, 4);
  flagged[3]! |= 0x20;
  flagged[4] = 1;
  flagged[5] = 0x80;
  packet.copy(flagged, 6, 4, PACKET_BYTES - 2);
  return flagged;
}
