import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import type { Session } from './session.ts';

/** Engines count downloaded and uploaded bytes in pieces of 16 KiB. */
const PIECE_BYTES = 16 * 1024;

/** Length of the window players could seek in, as documented. */
const WINDOW_SECONDS = 1800;

/** Peers of a content that is fine, and of one that has peers but no data. */
const PEERS = 12;
const PEERS_WITHOUT_DATA = 4;

/** Speeds in KB/s of a stream that has stalled: measured were 2 to 19. */
const STALLED_SPEED = 7;

const pieces = (bytes: number): number => Math.floor(bytes / PIECE_BYTES) * PIECE_BYTES;

function livepos(session: Session, nowMs: number): Record<string, unknown> {
  const { faults } = session.content;
  const stoppedMs = faults.active('frozenLivepos') ? faults.sinceMs('frozenLivepos') : faults.sinceMs('stall');
  const last = Math.floor((performance.timeOrigin + (stoppedMs ?? nowMs)) / 1000);
  const first = last - WINDOW_SECONDS;
  return {
    pos: String(last - 5),
    first_ts: String(first),
    last_ts: String(last),
    live_first: String(first),
    live_last: String(last),
    last: String(last),
    is_live: 1,
    buffer_pieces: '30',
  };
}

/** A stall without a trigger also holds up a session that nobody reads; otherwise its reader finds out. */
function noteStall({ readers, content: { faults } }: Session): void {
  const stall = faults.peek('stall');
  if (readers.size === 0 && stall && stall.afterBytes === undefined && stall.afterMs === undefined)
    faults.active('stall');
}

/** The `response` of the stat URL: shapes and units of the vendor's example, values that develop as measured. */
export function statDocument(session: Session, nowMs: number): Record<string, unknown> {
  const { content } = session;
  const { faults } = content;
  const phase = session.phase(nowMs);
  const flowing = phase === 'dl';
  const peersNoData = faults.peek('peersNoData');
  noteStall(session);
  const stalled = faults.sinceMs('stall') !== undefined;
  const burstBytes = content.burstPackets * PACKET_BYTES;
  const downloaded = flowing ? burstBytes + (session.flowingMs(nowMs) / 1000) * content.bytesPerSecond : 0;
  const speed = stalled ? STALLED_SPEED : Math.round(content.bytesPerSecond / 1000);
  return {
    status: phase,
    ...(phase === 'prebuf' && { progress: Math.floor(session.progress(nowMs) * 100) }),
    ...(phase !== 'idle' && {
      peers: faults.peek('noPeers') ? 0 : peersNoData ? (peersNoData.peers ?? PEERS_WITHOUT_DATA) : PEERS,
      speed_down: flowing ? speed : 0,
      speed_up: 0,
      downloaded: pieces(downloaded),
      uploaded: 0,
    }),
    total_progress: 0,
    is_live: 1,
    is_encrypted: 0,
    infohash: content.infohash,
    playback_session_id: session.playbackSessionId,
    client_session_id: -1,
    selected_stream_index: 0,
    selected_file_index: 0,
    stream_status: -1,
    manifest_access_mode: -1,
    debug_level: 0,
    network_monitor_status: 1,
    network_monitor_started: true,
    disk_cache_stats: { avail: 20e9, disk_cache_limit: 10e9, inactive_inuse: 0, active_inuse: pieces(downloaded) },
    ...(flowing && { livepos: livepos(session, nowMs) }),
  };
}
