import { randomBytes } from 'node:crypto';
import type { Content } from './content.ts';
import type { Reader } from './reader.ts';

/** The stat document's `status`: loading, filling the buffer, data flows. */
export type Phase = 'idle' | 'prebuf' | 'dl';

/** An event as the event URL answers it. */
export interface EngineEvent {
  name: string;
  params: Record<string, unknown>;
}

/** What ends a session. */
export type SessionEnd = 'stopped' | 'superseded' | 'expired' | 'broken' | 'vanished' | 'restart';

/** Part of the start that counts as idle before the buffer begins to fill. */
const IDLE_PART = 0.1;

/** Part of the start that a session without data can do. */
const STARVED_PART = 0.9;

/** One playback session: it downloads from its start, whether or not somebody reads. */
export class Session {
  readonly content: Content;
  readonly pid: string;
  /** The 32 hex digits in the playback, stat, command and event URLs. */
  readonly key = randomBytes(16).toString('hex');
  /** Differs from the key, as on 3.2.x. */
  readonly playbackSessionId = randomBytes(20).toString('hex');
  /** Tokens of `/content` that were handed out. */
  readonly tokens = new Set<string>();
  /** The one reader, held or flowing; more only under the `manyReaders` fault. */
  readonly readers = new Set<Reader>();
  /** Events nobody has polled yet. */
  readonly events: EngineEvent[] = [];
  /** Whether the player asked for the reason of a stop as an event. */
  stopNotifications = false;
  /** Body bytes sent to all readers so far. */
  bytesSent = 0;
  /** Monotonic milliseconds of the last sign that somebody wants the session. */
  lastActivityMs = performance.now();
  /** Why it ended; undefined while it lives. */
  ended: SessionEnd | undefined;
  /** Called when there is an event or the session ended: answers the poll that is waiting. */
  onEvent: (() => void) | undefined;
  readonly #startMs: number;
  #startedAtMs = performance.now();

  /** @param startMs from the start until data flows */
  constructor(content: Content, pid: string, startMs: number) {
    this.content = content;
    this.pid = pid;
    this.#startMs = startMs;
  }

  /** Where the session is at `nowMs` (monotonic). */
  phase(nowMs: number): Phase {
    const { faults } = this.content;
    const starved = faults.active('noPeers') ?? faults.active('peersNoData');
    // Without data the start gets almost to its end and waits there.
    if (starved) this.#startedAtMs = Math.max(this.#startedAtMs, nowMs - this.#startMs * STARVED_PART);
    const part = this.progress(nowMs);
    if (part >= 1 && !starved) return 'dl';
    return part < IDLE_PART ? 'idle' : 'prebuf';
  }

  /** How much of the start is done, 0 to 1. */
  progress(nowMs: number): number {
    return this.#startMs === 0 ? 1 : Math.min(1, (nowMs - this.#startedAtMs) / this.#startMs);
  }

  /** Milliseconds for which data has been flowing at `nowMs`; a stall stops the count. */
  flowingMs(nowMs: number): number {
    const untilMs = this.content.faults.sinceMs('stall') ?? nowMs;
    return Math.max(0, untilMs - this.#startedAtMs - this.#startMs);
  }

  /** Queues an event for the event URL. */
  notify(event: EngineEvent): void {
    this.events.push(event);
    this.onEvent?.();
  }

  /** Ends the session and, cleanly, the body of whoever reads it; one that vanished tells nobody. */
  end(reason: SessionEnd): void {
    if (this.ended) return;
    if (reason === 'vanished') {
      this.ended = reason;
      return;
    }
    if (this.stopNotifications) this.notify({ name: 'download_stopped', params: { reason } });
    this.ended = reason;
    for (const reader of this.readers) reader.end();
    this.onEvent?.();
  }
}
