import type { Content } from './content.ts';
import type { Counts } from './counts.ts';
import type { EngineState, GlobalFaults } from './engine-state.ts';
import type { FaultPatch } from './fault-set.ts';
import type { EngineEvent, Phase } from './session.ts';

/** What can change on a content while it runs. */
export interface ContentPatch {
  /** Faults to switch on, or off with `null`. */
  faults?: FaultPatch;
  /** Events for the running session's event URL. */
  events?: EngineEvent[];
}

/** Faults of the engine to change, and what is done once. */
export interface GlobalPatch extends GlobalFaults {
  /** Forgets all sessions and cuts every connection, as a restarted engine does. */
  restart?: boolean;
}

/** A session as the state shows it. */
export interface SessionSnapshot {
  infohash: string;
  pid: string;
  key: string;
  playbackSessionId: string;
  state: Phase;
  /** Whether a body is open, be it held or flowing. */
  readerOpen: boolean;
  /** Body bytes sent to all its readers. */
  bytesSent: number;
  /** Milliseconds without activity. */
  idleMs: number;
}

/** What `GET /sim/state` answers. */
export interface EngineSnapshot {
  sessions: SessionSnapshot[];
  counts: Counts;
  /** Open bodies of sessions. */
  readersOpenNow: number;
  /** Open bodies of `/raw`. */
  rawReadersOpenNow: number;
  global: GlobalFaults;
}

const GLOBAL_FAULTS: readonly (keyof GlobalPatch)[] = [
  'down',
  'hang',
  'status503',
  'wrongHost',
  'networkDisconnected',
  'restart',
];

/** Changes a content's faults. What needs no reader to happen, happens before this returns. */
export function patchContent(state: EngineState, infohash: string, patch: ContentPatch): Content {
  const content = state.contents.byInfohash(infohash);
  if (!content) throw new Error(`there is no content ${infohash}`);
  content.faults.patch(patch.faults ?? {});
  const session = state.sessions.of(content.infohash);
  for (const event of patch.events ?? []) session?.notify(event);
  const superseded = content.faults.peek('superseded');
  if (session && superseded && superseded.afterBytes === undefined && superseded.afterMs === undefined) {
    content.faults.take('superseded');
    state.sessions.end(session, 'superseded');
  }
  return content;
}

/** Changes the faults of the whole engine and returns those that are on. */
export function patchGlobal(state: EngineState, patch: GlobalPatch): GlobalFaults {
  for (const name of Object.keys(patch))
    if (!GLOBAL_FAULTS.includes(name as keyof GlobalPatch)) throw new Error(`there is no global fault '${name}'`);
  const { restart, ...faults } = patch;
  Object.assign(state.global, faults);
  if (restart) {
    // The reset comes first: a socket that is already ending can no longer be reset.
    state.cutConnections();
    state.sessions.endAll('restart');
    state.contents.forgetLoaded();
  }
  return { ...state.global };
}

/** What the engine is doing and has counted. */
export function engineSnapshot(state: EngineState): EngineSnapshot {
  const nowMs = performance.now();
  const sessions = state.sessions.list();
  return {
    sessions: sessions.map(session => ({
      infohash: session.content.infohash,
      pid: session.pid,
      key: session.key,
      playbackSessionId: session.playbackSessionId,
      state: session.phase(nowMs),
      readerOpen: session.readers.size > 0,
      bytesSent: session.bytesSent,
      idleMs: session.readers.size > 0 ? 0 : Math.round(nowMs - session.lastActivityMs),
    })),
    counts: { ...state.counts },
    readersOpenNow: sessions.reduce((sum, session) => sum + session.readers.size, 0),
    rawReadersOpenNow: state.rawReaders.size,
    global: { ...state.global },
  };
}
