import { SluiceError } from '../../src/shared/errors.ts';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import type { DetachReason, ShardSettings, StreamSnapshot, StreamState } from '../../src/shared/protocol.ts';
import type { ShardCounters } from '../../src/shared/reader-table.ts';
import { StateMachine, type Transitions } from '../../src/shared/state-machine.ts';
import type { StreamSpec } from '../../src/shared/stream-spec.ts';
import type { Flushable, FlushResult, FlushScheduler } from './flush-scheduler.ts';
import { PacketAligner } from './packet-aligner.ts';
import { type EntryPoint, PacketLog } from './packet-log.ts';
import { ProgramTracker } from './program-tracker.ts';
import type { Reader } from './reader.ts';
import { errorResponse, liveHead } from './response.ts';
import type { SegmentStore } from './segments.ts';
import type { Feed, Opened, SourceSink } from './source/source.ts';
import { buildSplice, type Splice } from './splice.ts';

type StreamEvent = 'start' | 'data' | 'stop' | 'ended' | 'emptied';

/** The rules of {@link StreamState}; drawn in docs/lifecycle.md. */
export const STREAM_TRANSITIONS: Transitions<StreamState, StreamEvent> = {
  idle: { start: 'starting' },
  starting: { data: 'live', stop: 'closing', ended: 'closed' },
  live: { stop: 'closing', ended: 'draining' },
  draining: { stop: 'closed', emptied: 'closed' },
  closing: { ended: 'closed' },
  closed: {},
};

/** How long a transport stream may take to show a random-access point before readers join without one. */
const JOIN_PATIENCE_MS = 3_000;
const JOIN_PATIENCE_BYTES = 8 << 20;
const NO_TABLES = Buffer.alloc(0);
/** Readers that are served between two looks at the clock. */
const READERS_PER_LOOK = 16;

/** What a stream tells its shard. */
export interface StreamObserver {
  stateChanged(stream: Stream, state: StreamState, reason: SluiceError | undefined): void;
  event(stream: Stream, name: string, details: Record<string, string | number | boolean>): void;
  readerJoined(stream: Stream, reader: Reader, waitedMs: number): void;
  readerSkipped(stream: Stream, reader: Reader, bytes: number): void;
  readerDetached(stream: Stream, reader: Reader, reason: DetachReason, error: SluiceError | undefined): void;
}

/** What a stream is built from. */
export interface StreamParts {
  feed: Feed;
  settings: ShardSettings;
  flusher: FlushScheduler;
  /** Where the packet log gets its memory. */
  segments: SegmentStore;
  counters: ShardCounters;
  observer: StreamObserver;
}

/** One upstream and everybody who watches it. It lives in one shard; all its state changes on that one thread. */
export class Stream implements Flushable, SourceSink {
  readonly spec: StreamSpec;
  readonly #parts: StreamParts;
  readonly #machine: StateMachine<StreamState, StreamEvent>;
  readonly #readers = new Set<Reader>();
  readonly #log: PacketLog;
  readonly #tracker: ProgramTracker;
  readonly #aligner: PacketAligner;
  readonly #abort = new AbortController();
  readonly #createdAt = Date.now();
  #reason: SluiceError | undefined;
  #head = liveHead('video/mp2t');
  #firstByteMs = 0;
  #bytesIn = 0;
  #nowMs = 0;
  /** Whose turn it is in the present round of writing; undefined between rounds. */
  #turns: SetIterator<Reader> | undefined;
  /** Whether somebody in the present round would have taken more. */
  #hasMore = false;
  #infohash: string | undefined;
  #origin: string | undefined;
  /** Why readers are let go once they have everything, when the source has ended. */
  #ending: { reason: DetachReason; error: SluiceError; sinceMs: number } | undefined;
  /** Settles when the source has closed everything it opened. */
  sourceDone: Promise<void> = Promise.resolve();

  constructor(spec: StreamSpec, parts: StreamParts) {
    this.spec = spec;
    this.#parts = parts;
    const { settings, counters } = parts;
    this.#machine = new StateMachine(`stream ${spec.key}`, STREAM_TRANSITIONS, 'idle', to => {
      if (to === 'closed') this.#log.close();
      parts.observer.stateChanged(this, to, this.#reason);
    });
    const limits = { maxBytes: settings.logBytes, maxAgeMs: settings.logMs };
    this.#log = new PacketLog(limits, parts.segments, nowMs => this.#neededFrom(nowMs));
    this.#tracker = new ProgramTracker((offset, tables) => this.#log.addRandomAccess({ offset, tables }));
    this.#aligner = new PacketAligner(
      run => this.#append(run),
      bytes => counters.add('bytesDiscarded', bytes),
      () => counters.add('resyncs', 1),
    );
  }

  /** Current state. */
  get state(): StreamState {
    return this.#machine.state;
  }

  /** Whether a new reader can still be attached. */
  get isOpen(): boolean {
    return this.state === 'idle' || this.state === 'starting' || this.state === 'live';
  }

  /** How many viewers are attached, those waiting for the first byte included. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /** Opens the source once `previous`, an earlier run of the same content, has let go of it. */
  start(previous: Promise<void>): void {
    this.#machine.send('start');
    this.sourceDone = previous.then(() => this.#run());
  }

  /** Adds a reader; it gets bytes at once when the stream is live. */
  attach(reader: Reader): void {
    this.#readers.add(reader);
    if (this.state === 'live') {
      this.#join(reader, this.#blindEntry);
      this.#parts.flusher.markDirty(this);
    }
  }

  /** Removes a reader; the last one leaving ends the stream. */
  detach(reader: Reader, reason: DetachReason, error?: SluiceError): void {
    if (!this.#readers.delete(reader)) return;
    reader.finish(error === undefined ? undefined : errorResponse(error));
    this.#parts.observer.readerDetached(this, reader, reason, error);
    if (this.#readers.size > 0) return;
    if (this.#machine.can('emptied')) this.#machine.send('emptied');
    else if (this.#machine.can('stop')) this.#stop();
  }

  /** Ends the stream and sends everybody away. */
  close(reason: DetachReason, error: SluiceError): void {
    this.#reason = error;
    if (this.#machine.can('stop')) this.#stop();
    for (const reader of [...this.#readers]) this.detach(reader, reason, error);
  }

  /** Detaches readers that took nothing for too long, and gives blocked ones another try. */
  sweep(nowMs: number): void {
    this.#log.shrink();
    const { staleClientTimeoutMs: staleMs, logMs } = this.#parts.settings;
    if (this.state === 'draining' && nowMs - this.#ending!.sinceMs > logMs) {
      // The rest is as old now as anything the log would keep.
      const { reason, error } = this.#ending!;
      for (const reader of [...this.#readers]) this.detach(reader, reason, error);
    }
    for (const reader of [...this.#readers]) {
      if (!reader.blocked) continue;
      if (reader.stuckMs(nowMs) >= staleMs) this.detach(reader, 'stale');
      else this.resume(reader);
    }
  }

  /** A reader's viewer takes bytes again. */
  resume(reader: Reader): void {
    reader.unblock();
    if (reader.machine.state === 'reading' && this.#pump(reader, performance.now()))
      this.#parts.flusher.markDirty(this);
  }

  flush(untilMs: number): FlushResult {
    const nowMs = performance.now();
    this.#turns ??= this.#readers.values();
    let served = 0;
    for (let turn = this.#turns.next(); !turn.done; turn = this.#turns.next()) {
      const reader = turn.value;
      if (reader.machine.state === 'reading' && this.#pump(reader, nowMs)) this.#hasMore = true;
      if (++served % READERS_PER_LOOK === 0 && performance.now() >= untilMs) return 'unfinished';
    }
    const result = this.#hasMore ? 'more' : 'done';
    this.#turns = undefined;
    this.#hasMore = false;
    return result;
  }

  opened({ contentType, infohash, origin }: Opened): void {
    this.#infohash = infohash;
    this.#origin = origin;
    this.#head = liveHead(contentType);
  }

  data(chunk: Buffer): void {
    this.#nowMs = performance.now();
    if (this.#bytesIn === 0) this.#firstByteMs = this.#nowMs;
    this.#bytesIn += chunk.length;
    this.#parts.counters.add('bytesIn', chunk.length);
    this.#aligner.push(chunk);
    if (this.state === 'starting' && this.#isJoinable()) {
      this.#goLive();
    }
    this.#parts.flusher.markDirty(this);
  }

  event(name: string, details: Record<string, string | number | boolean>): void {
    this.#parts.observer.event(this, name, details);
  }

  /** What the stream looks like now. */
  snapshot(nowMs: number): StreamSnapshot {
    return {
      key: this.spec.key,
      infohash: this.#infohash,
      state: this.state,
      readers: this.readerCount,
      createdAt: this.#createdAt,
      bytesIn: this.#bytesIn,
      logBytes: this.#log.allocatedBytes,
      logSeconds: this.#log.ageMs(nowMs) / 1000,
      packetFormat: this.#aligner.format,
      origin: this.#origin,
    };
  }

  async #run(): Promise<void> {
    let error: SluiceError | undefined;
    try {
      // A stream whose viewers all left while it waited for its turn opens nothing.
      if (!this.#abort.signal.aborted) await this.#parts.feed.run(this.#abort.signal, this);
    } catch (thrown) {
      error = SluiceError.from(thrown);
      if (error.code === 'internal') this.event('source crashed', { cause: String(error.cause) });
    }
    this.#aligner.finish();
    if (this.state === 'starting' && this.#log.end > 0) {
      // It ended before anybody could join; what came is all there is.
      this.#goLive();
    }
    const failure = this.state === 'live' ? 'source-failed' : 'start-failed';
    const reason = error === undefined ? 'source-ended' : failure;
    this.#reason ??= error;
    const answer = error ?? new SluiceError('source_ended', 'The source ended without sending anything.');
    this.#ending = { reason, error: answer, sinceMs: performance.now() };
    if (this.#machine.send('ended') === 'draining') {
      // Whoever is behind gets the rest at their own pace.
      this.#parts.flusher.markDirty(this);
      return;
    }
    for (const reader of [...this.#readers]) this.detach(reader, reason, answer);
  }

  #goLive(): void {
    this.#machine.send('data');
    for (const reader of this.#readers) this.#join(reader, { offset: this.#log.start, tables: NO_TABLES });
  }

  #stop(): void {
    this.#machine.send('stop');
    this.#abort.abort();
  }

  #append(run: Buffer): void {
    const { end } = this.#log;
    const kept = this.#log.append(run, this.#nowMs);
    if (kept < run.length) this.#parts.counters.add('bytesWithoutMemory', run.length - kept);
    // What there was no memory for is as if it had never come: nobody may begin at a place that others took.
    if (this.#isPackets) this.#tracker.inspect(run.subarray(0, kept), end);
  }

  /** The lowest offset that a reader who keeps up has still to get; who took nothing for a log's length doesn't. */
  #neededFrom(nowMs: number): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const reader of this.#readers)
      if (reader.machine.state === 'reading' && reader.stuckMs(nowMs) < this.#parts.settings.logMs)
        lowest = Math.min(lowest, reader.cursor);
    return lowest;
  }

  #isJoinable(): boolean {
    if (this.#log.end === 0) return false;
    return (
      this.#aligner.format === 'bytes' ||
      this.#log.newestRandomAccess !== undefined ||
      this.#log.end >= JOIN_PATIENCE_BYTES ||
      this.#nowMs - this.#firstByteMs >= JOIN_PATIENCE_MS
    );
  }

  /** Where a reader begins in a log without a random-access point: at live, with the tables if there are any. */
  get #blindEntry(): EntryPoint {
    return { offset: this.#log.end, tables: this.#tracker.tables ?? NO_TABLES };
  }

  /** @param otherwise where to begin in a log without a random-access point */
  #join(reader: Reader, otherwise: EntryPoint): void {
    if (reader.hasSent) {
      const rest = reader.resumption(this.#head, this.#isPackets);
      const { bytes, resumeAt } = this.#splice();
      reader.join(Buffer.concat([rest, bytes]), 0, resumeAt);
    } else {
      const { offset, tables } = this.#log.newestRandomAccess ?? otherwise;
      reader.join(Buffer.concat([this.#head, tables]), this.#head.length, offset);
    }
    const nowMs = performance.now();
    this.#parts.counters.add('joins', 1);
    this.#parts.observer.readerJoined(this, reader, nowMs - reader.attachedMs);
    // The first picture doesn't wait for the next pass.
    if (this.#pump(reader, nowMs)) this.#parts.flusher.markDirty(this);
  }

  /** Writes what one reader takes. @returns whether it would take more at once */
  #pump(reader: Reader, nowMs: number): boolean {
    const { counters } = this.#parts;
    const grid = this.#isPackets ? PACKET_BYTES : 1;
    let result = reader.pump(this.#log, grid, nowMs);
    if (result === 'lost-place') {
      this.#skip(reader);
      result = reader.pump(this.#log, grid, nowMs);
    }
    counters.add('bytesOut', reader.takeWritten());
    if (result === 'gone') this.detach(reader, 'client-gone');
    else if (result === 'live' && this.state === 'draining')
      this.detach(reader, this.#ending!.reason, this.#ending!.error);
    return result === 'more';
  }

  /** Moves a reader whose place is gone to where decoding can begin again. */
  #skip(reader: Reader): void {
    const { bytes, resumeAt } = this.#splice();
    const skipped = reader.skipTo(resumeAt, bytes);
    this.#parts.counters.add('skips', 1);
    this.#parts.counters.add('skippedBytes', skipped);
    this.#parts.observer.readerSkipped(this, reader, skipped);
  }

  /** What carries a reader over a gap to the newest place to begin. */
  #splice(): Splice {
    if (!this.#isPackets) return { bytes: NO_TABLES, resumeAt: this.#log.end };
    return buildSplice(this.#log, this.#log.newestRandomAccess ?? this.#blindEntry, this.#tracker);
  }

  get #isPackets(): boolean {
    return this.#aligner.format === 'mpegts';
  }
}
