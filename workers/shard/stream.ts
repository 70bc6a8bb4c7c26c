import { SluiceError } from '../../src/shared/errors.ts';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import type {
  DetachReason,
  RecoveredBy,
  ShardSettings,
  StreamSnapshot,
  StreamState,
} from '../../src/shared/protocol.ts';
import type { ShardCounters } from '../../src/shared/reader-table.ts';
import { StateMachine, type Transitions } from '../../src/shared/state-machine.ts';
import type { StreamSpec } from '../../src/shared/stream-spec.ts';
import type { Flushable, FlushResult, FlushScheduler } from './flush-scheduler.ts';
import { Intake } from './intake.ts';
import { type EntryPoint, PacketLog } from './packet-log.ts';
import type { Reader } from './reader.ts';
import { errorResponse, liveHead } from './response.ts';
import type { SegmentStore } from './segments.ts';
import type { Feed, FeedSink } from './source/source.ts';

type StreamEvent = 'start' | 'data' | 'interrupted' | 'left' | 'returned' | 'stop' | 'ended' | 'emptied';

/** The rules of {@link StreamState}; drawn in docs/lifecycle.md. */
export const STREAM_TRANSITIONS: Transitions<StreamState, StreamEvent> = {
  idle: { start: 'starting' },
  starting: { data: 'live', stop: 'closing', ended: 'closed' },
  live: { interrupted: 'recovering', left: 'lingering', stop: 'closing', ended: 'draining' },
  recovering: { data: 'live', stop: 'closing', ended: 'draining' },
  lingering: { returned: 'live', interrupted: 'closing', stop: 'closing', ended: 'closed' },
  draining: { stop: 'closed', emptied: 'closed' },
  closing: { ended: 'closed' },
  closed: {},
};

const NO_TABLES = Buffer.alloc(0);
/** Time without anything new after which viewers get packets that say nothing. */
const KEEP_ALIVE_AFTER_MS = 1_500;
/** Recovery that takes longer than this is worth a picture that says so. */
const SLATE_AFTER_MS = 2_000;
/** Readers that are served between two looks at the clock. */
const READERS_PER_LOOK = 16;

/** States in which a new reader can be attached. */
const OPEN_STATES: ReadonlySet<StreamState> = new Set(['idle', 'starting', 'live', 'recovering', 'lingering']);

/** What a stream tells its shard. */
export interface StreamObserver {
  stateChanged(stream: Stream, state: StreamState, reason: SluiceError | undefined): void;
  event(stream: Stream, name: string, details: Record<string, string | number | boolean>): void;
  readerJoined(stream: Stream, reader: Reader, waitedMs: number): void;
  readerSkipped(stream: Stream, reader: Reader, bytes: number): void;
  readerDetached(stream: Stream, reader: Reader, reason: DetachReason, error: SluiceError | undefined): void;
  interrupted(stream: Stream, failure: SluiceError): void;
  /** @param outageMs from the last byte to the next one */
  recovered(stream: Stream, how: RecoveredBy, outageMs: number): void;
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
export class Stream implements Flushable, FeedSink {
  readonly spec: StreamSpec;
  readonly #parts: StreamParts;
  readonly #machine: StateMachine<StreamState, StreamEvent>;
  readonly #readers = new Set<Reader>();
  readonly #log: PacketLog;
  readonly #intake: Intake;
  readonly #abort = new AbortController();
  readonly #createdAt = Date.now();
  #reason: SluiceError | undefined;
  #head = liveHead('video/mp2t');
  #linger: NodeJS.Timeout | undefined;
  /** Since when the stream has been recovering. */
  #interruptedMs = 0;
  #interruptions = 0;
  #rank = 0;
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
      if (to !== 'lingering') clearTimeout(this.#linger);
      if (to === 'closed') this.#log.close();
      parts.observer.stateChanged(this, to, this.#reason);
    });
    const limits = { maxBytes: settings.logBytes, maxAgeMs: settings.logMs };
    this.#log = new PacketLog(limits, parts.segments, nowMs => this.#neededFrom(nowMs));
    this.#intake = new Intake(
      this.#log,
      counters,
      ({ clockJumpMs, ...result }) =>
        this.event('readings joined', { ...result, clockJumpMs: clockJumpMs ?? 'unknown' }),
      () => parts.flusher.markDirty(this),
    );
  }

  /** Current state. */
  get state(): StreamState {
    return this.#machine.state;
  }

  /** Whether a new reader can still be attached. */
  get isOpen(): boolean {
    return OPEN_STATES.has(this.state);
  }

  /** Whether viewers can begin to read at once. */
  get #isJoinable(): boolean {
    return this.state === 'live' || this.state === 'recovering';
  }

  /** How many viewers are attached, those waiting for the first byte included. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /** Opens the source once `previous`, an earlier run of the same content, has let go of it. */
  start(previous: Promise<void>): void {
    this.#machine.send('start');
    // Whoever had bytes from a shard that died is worth as much patience as if the source had failed.
    const resumes = [...this.#readers].some(reader => reader.hasSent);
    this.sourceDone = previous.then(() => this.#run(resumes));
  }

  /** Adds a reader; it gets bytes at once when the stream is live. */
  attach(reader: Reader): void {
    this.#readers.add(reader);
    if (this.#machine.can('returned')) this.#machine.send('returned');
    if (this.#isJoinable) {
      this.#join(reader, this.#intake.blindEntry);
      this.#parts.flusher.markDirty(this);
    }
  }

  /** Removes a reader; after the last one a live stream lingers, any other ends. */
  detach(reader: Reader, reason: DetachReason, error?: SluiceError): void {
    if (!this.#readers.delete(reader)) return;
    reader.finish(error === undefined ? undefined : errorResponse(error));
    this.#parts.observer.readerDetached(this, reader, reason, error);
    if (this.#readers.size > 0) return;
    if (this.#machine.can('emptied')) this.#machine.send('emptied');
    else if (this.#machine.can('left') && this.#parts.settings.lingerMs > 0) this.#lingerOn();
    else if (this.#machine.can('stop')) this.#stop();
  }

  /** Removes the reader with this id, if it is one of ours. */
  end(readerId: number, reason: DetachReason, error: SluiceError): void {
    for (const reader of this.#readers) {
      if (reader.id !== readerId) continue;
      this.detach(reader, reason, error);
      return;
    }
  }

  /** Players reconnect, and servers probe before they play: the source goes on for a while. */
  #lingerOn(): void {
    this.#machine.send('left');
    this.#linger = setTimeout(() => this.#stop(), this.#parts.settings.lingerMs);
  }

  /** Ends a stream that has no viewers sooner than planned. */
  endLingering(): void {
    if (this.state === 'lingering') this.#stop();
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
    this.#bridgeSilence(nowMs);
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

  /** Players and proxies give up on a connection that brings nothing. */
  #bridgeSilence(nowMs: number): void {
    if (!this.#isJoinable || this.#intake.withheldMs(nowMs) < KEEP_ALIVE_AFTER_MS) return;
    if (this.#parts.settings.slate && this.state === 'recovering' && nowMs - this.#interruptedMs >= SLATE_AFTER_MS)
      this.#intake.playSlate();
    this.#intake.keepAlive();
    this.#parts.flusher.markDirty(this);
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

  opened({ contentType, infohash, origin, relation, rank }: Parameters<FeedSink['opened']>[0]): void {
    this.#infohash = infohash;
    this.#origin = origin;
    this.#rank = rank;
    if (relation === 'first') this.#head = liveHead(contentType);
    this.#intake.begin(relation);
  }

  data(chunk: Buffer): void {
    const nowMs = performance.now();
    this.#intake.take(chunk, nowMs);
    if (this.state === 'starting' && this.#intake.isJoinable(nowMs)) this.#goLive();
    this.#parts.flusher.markDirty(this);
  }

  interrupted(failure: SluiceError): void {
    if (!this.#machine.can('interrupted')) return; // It was recovering already, or is coming to its end.
    this.#interruptedMs = performance.now();
    this.#interruptions++;
    this.#parts.observer.interrupted(this, failure);
    if (this.#machine.send('interrupted') === 'closing') this.#abort.abort(); // Nobody is there to recover for.
  }

  recovered(how: RecoveredBy): void {
    if (this.state !== 'recovering') return;
    this.#machine.send('data');
    // Silence may have lasted for long before it counted as an interruption.
    this.#parts.observer.recovered(this, how, this.#intake.silentMs(performance.now()));
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
      bytesIn: this.#intake.bytesIn,
      logBytes: this.#log.allocatedBytes,
      logSeconds: this.#log.ageMs(nowMs) / 1000,
      packetFormat: this.#intake.format,
      origin: this.#origin,
      source: this.#rank,
      sources: this.spec.sources.length,
      interruptions: this.#interruptions,
    };
  }

  async #run(resumes: boolean): Promise<void> {
    let error: SluiceError | undefined;
    try {
      // A stream whose viewers all left while it waited for its turn opens nothing.
      if (!this.#abort.signal.aborted) await this.#parts.feed.run(this.#abort.signal, this, resumes);
    } catch (thrown) {
      error = SluiceError.from(thrown);
      if (error !== thrown) this.event('feed crashed', { cause: String(thrown) });
    }
    this.#intake.finish();
    if (this.state === 'starting' && this.#log.end > 0) {
      // It ended before anybody could join; what came is all there is.
      this.#goLive();
    }
    const reason = error === undefined ? 'source-ended' : 'source-failed';
    this.#reason ??= error;
    const answer = error ?? new SluiceError('source_ended', 'The source ended without sending anything.');
    this.#ending = { reason, error: answer, sinceMs: performance.now() };
    if (this.#machine.send('ended') === 'draining') {
      // Whoever is behind gets the rest at their own pace.
      this.#parts.flusher.markDirty(this);
      return;
    }
    // Whoever had bytes from a shard that died did not see the start fail.
    for (const reader of [...this.#readers])
      this.detach(reader, error === undefined || reader.hasSent ? reason : 'start-failed', answer);
  }

  #goLive(): void {
    this.#machine.send('data');
    for (const reader of this.#readers) this.#join(reader, { offset: this.#log.start, tables: NO_TABLES });
  }

  #stop(): void {
    this.#machine.send('stop');
    this.#abort.abort();
  }

  /** The lowest offset that a reader who keeps up has still to get; who took nothing for a log's length doesn't. */
  #neededFrom(nowMs: number): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const reader of this.#readers)
      if (reader.machine.state === 'reading' && reader.stuckMs(nowMs) < this.#parts.settings.logMs)
        lowest = Math.min(lowest, reader.cursor);
    return lowest;
  }

  /** @param otherwise where to begin in a log without a random-access point */
  #join(reader: Reader, otherwise: EntryPoint): void {
    if (reader.hasSent) {
      const rest = reader.resumption(this.#head, this.#isPackets);
      const { bytes, resumeAt } = this.#intake.splice();
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
    const { bytes, resumeAt } = this.#intake.splice();
    const skipped = reader.skipTo(resumeAt, bytes);
    this.#parts.counters.add('skips', 1);
    this.#parts.counters.add('skippedBytes', skipped);
    this.#parts.observer.readerSkipped(this, reader, skipped);
  }

  get #isPackets(): boolean {
    return this.#intake.format === 'mpegts';
  }
}
