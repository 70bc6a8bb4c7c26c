/**
 * Every message between the front and a shard, written once for both sides. Requests have responses; notifications
 * don't. docs/lifecycle.md draws who sends what when.
 */
import type { MessagePort } from 'node:worker_threads';
import type { BudgetLimits } from './budget.ts';
import type { ErrorCode, WireError } from './errors.ts';
import type { StreamKey, StreamSpec } from './stream-spec.ts';

/** Why a reader left its stream: exactly one reason each, counted once. */
export const DETACH_REASONS = [
  'client-gone',
  'stale',
  'start-failed',
  'source-failed',
  'source-ended',
  'closed-by-operator',
  'replaced',
  'limit',
  'kicked',
  'account-closed',
  'shutdown',
] as const;
export type DetachReason = (typeof DETACH_REASONS)[number];

/** Why the front ends a single viewer. */
export type EndReason = Extract<DetachReason, 'replaced' | 'limit' | 'kicked' | 'account-closed'>;

/** States of a stream (workers/shard/stream.ts). */
export const STREAM_STATES = [
  'idle',
  'starting',
  'live',
  'recovering',
  'lingering',
  'draining',
  'closing',
  'closed',
] as const;
export type StreamState = (typeof STREAM_STATES)[number];

/** Ways to read a source anew after it broke, the cheapest first. */
export const RUNGS = ['reopen', 'new-session', 'other-engine'] as const;
/** One step of the recovery ladder that stays on the same source. */
export type Rung = (typeof RUNGS)[number];
/** What helped a stream that had been interrupted. */
export const RECOVERED_BY = [...RUNGS, 'next-source'] as const;
export type RecoveredBy = (typeof RECOVERED_BY)[number];

/**
 * How the bytes reach the viewer.
 * - handoff: the shard writes to a descriptor that the front owns and keeps open (the lifeline).
 * - relay: the shard posts chunks, the front writes them.
 */
export type OutletSpec = { kind: 'handoff'; fd: number } | { kind: 'relay'; port: MessagePort };

/** Everything a shard thread is born with. */
export interface ShardBoot {
  index: number;
  /** Shared memory of a {@link import('./reader-table.ts').ReaderTable}. */
  readers: SharedArrayBuffer;
  /** Shared memory of a {@link import('./reader-table.ts').ShardCounters}. */
  counters: SharedArrayBuffer;
  /** Shared memory of a {@link import('./budget.ts').Budget}, and what it is limited to. */
  budget: { buffer: SharedArrayBuffer; limits: BudgetLimits };
  /** epoll descriptor owned by the front, or undefined where nothing is handed off. */
  epollFd: number | undefined;
  settings: ShardSettings;
}

/** The part of the configuration that shards follow. */
export interface ShardSettings {
  staleClientTimeoutMs: number;
  flushBudgetMs: number;
  /** Whether logs lie in memory files that sockets refer to, where sockets are handed off. */
  zeroCopy: boolean;
  logMs: number;
  logBytes: number;
  noResponseTimeoutMs: number;
  startTimeoutMs: number;
  startStalledTimeoutMs: number;
  emptyTimeoutMs: number;
  stallTimeoutMs: number;
  recoveryTimeoutMs: number;
  lingerMs: number;
  /** Whether viewers see a clip while their stream recovers. */
  slate: boolean;
  /** How long an HTTP source may take to answer, or bring no byte. */
  httpTimeoutMs: number;
  allowPrivateSources: boolean;
}

/** A shard's wish to run one session of one content. */
export interface LeaseRequest {
  /** Chosen by the shard, unique in its life: a lease can be given back before it was granted. */
  leaseId: number;
  content: StreamKey;
  /** Origins of engines that should not be used, because they have just failed this content. */
  avoid: readonly string[];
  /** Whether those are of no use at all, not even where there is no other. */
  onlyOthers?: boolean;
  /** How long to wait for an engine that is busy starting other contents. */
  waitMs: number;
}

/** The right to run one session of one content at one engine. */
export interface Lease {
  leaseId: number;
  engineUrl: string;
  /** Player id to open the session with: the engine hands the same session to the same pid (acestream-engine-api 7.2). */
  pid: string;
}

/** One stream as a shard sees it. */
export interface StreamSnapshot {
  key: StreamKey;
  infohash: string | undefined;
  state: StreamState;
  /** Viewers, those waiting for the first byte included. */
  readers: number;
  createdAt: number;
  bytesIn: number;
  logBytes: number;
  logSeconds: number;
  packetFormat: 'unknown' | 'mpegts' | 'bytes';
  /** Where its bytes come from: an engine's origin, or a host. */
  origin: string | undefined;
  /** Which of its sources it reads, 0 for the preferred one, and how many it has. */
  source: number;
  sources: number;
  /** How often its bytes stopped coming. */
  interruptions: number;
}

/** How a shard's thread has been since it was last asked. */
export interface ShardVitals {
  eventLoopDelayP99Ms: number;
  /** Share of time the event loop was busy, 0 to 1. */
  eventLoopUtilization: number;
}

/** Requests of the front, answered by a shard. */
export type FrontRequests = {
  streams: { request: Record<never, never>; response: StreamSnapshot[] };
  vitals: { request: Record<never, never>; response: ShardVitals };
  closeStream: { request: { key: StreamKey }; response: { closed: boolean } };
  /** Ends the stream that has lingered longest, if there is one, to make room for one that has viewers. */
  endLingering: { request: Record<never, never>; response: { ended: boolean } };
  drain: { request: Record<never, never>; response: { streams: number } };
};

/** Requests of a shard, answered by the front. */
export type ShardRequests = {
  lease: { request: LeaseRequest; response: Lease };
};

/** A viewer for a stream of this shard. */
export interface AttachNotification {
  type: 'attach';
  readerId: number;
  slot: number;
  stream: StreamSpec;
  outlet: OutletSpec;
}

/** A viewer who has to go; whether it is still there or not. */
export interface EndNotification {
  type: 'end';
  readerId: number;
  key: StreamKey;
  reason: EndReason;
}

/** What the front tells a shard. */
export type FrontNotification = AttachNotification | EndNotification;

/** What a shard tells the front. */
export type ShardNotification =
  | { type: 'ready' }
  | { type: 'readerJoined'; readerId: number; key: StreamKey; waitedMs: number; readers: number }
  | {
      type: 'readerDetached';
      readerId: number;
      key: StreamKey;
      reason: DetachReason;
      error: ErrorCode | undefined;
      readers: number;
    }
  | { type: 'readerSkipped'; readerId: number; key: StreamKey; bytes: number }
  | { type: 'streamState'; key: StreamKey; state: StreamState; reason: WireError | undefined }
  | { type: 'streamInterrupted'; key: StreamKey; failure: WireError }
  | { type: 'streamRecovered'; key: StreamKey; how: RecoveredBy; outageMs: number }
  | { type: 'streamEvent'; key: StreamKey; event: string; details: Record<string, string | number | boolean> }
  | { type: 'sessionOpened'; leaseId: number; infohash: string; commandPath: string }
  /** Data flows: the engine is no longer busy starting this content. */
  | { type: 'leaseFlowing'; leaseId: number }
  /** @property failure why the session ended, where that was the engine's or the content's fault */
  | { type: 'leaseReturned'; leaseId: number; failure: ErrorCode | undefined };

/** Most bytes that are on their way from a shard to a viewer's socket. */
export const RELAY_WINDOW_BYTES = 1 << 20;

/** The shard's messages: bytes to write, or the orderly end of the connection. */
export type RelayToFront = { type: 'chunk'; chunk: Uint8Array } | { type: 'end' };

/** The front's messages: bytes that the socket took; the port is closed when the viewer is gone. */
export interface RelayFromFront {
  creditBytes: number;
}
