import { expect } from '@jest/globals';
import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
import type { DetachReason, RecoveredBy, ShardSettings, StreamState } from '../../../src/shared/protocol.ts';
import { ReaderTable, ShardCounters } from '../../../src/shared/reader-table.ts';
import { FlushScheduler } from '../../../workers/shard/flush-scheduler.ts';
import { Reader } from '../../../workers/shard/reader.ts';
import type { SegmentStore } from '../../../workers/shard/segments.ts';
import type { Feed, FeedSink, Relation } from '../../../workers/shard/source/source.ts';
import { Stream } from '../../../workers/shard/stream.ts';
import { CountedSegments, segmentsOf } from './logs.ts';
import { ScriptedOutlet } from './scripted-outlet.ts';
import { SHARD_SETTINGS } from './settings.ts';
import type { Multiplex } from './ts.ts';
import { until, within } from './waiting.ts';

/** What a feed says of a reading, where a test doesn't say otherwise. */
export const INFO = {
  contentType: 'video/mp2t',
  infohash: 'a'.repeat(40),
  origin: 'http://engine',
  relation: 'first' as Relation,
  rank: 0,
};

/** A feed that does what the test says. */
export class ScriptedFeed implements Feed {
  runs = 0;
  sink!: FeedSink;
  signal!: AbortSignal;
  /** Whether it was told that viewers have had bytes. */
  resumes: boolean | undefined;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };

  run(signal: AbortSignal, sink: FeedSink, resumes: boolean): Promise<void> {
    this.runs++;
    this.sink = sink;
    this.signal = signal;
    this.resumes = resumes;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  end(): void {
    this.#settle.resolve();
  }

  fail(error: unknown): void {
    this.#settle.reject(error);
  }

  get running(): boolean {
    return this.runs > 0;
  }
}

/** Somebody who watches. */
export interface Viewer {
  reader: Reader;
  outlet: ScriptedOutlet;
}

/** A rig whose stream is live, and its first viewer. */
export type LiveRig = StreamRig & { first: Viewer };

/** One stream with everything around it that a shard has. */
export class StreamRig {
  readonly source = new ScriptedFeed();
  readonly table = new ReaderTable(100);
  readonly counters = new ShardCounters();
  readonly segments: CountedSegments;
  readonly states: [StreamState, string | undefined][] = [];
  readonly events: unknown[] = [];
  readonly interruptions: string[] = [];
  readonly recoveries: { how: RecoveredBy; outageMs: number }[] = [];
  readonly joined: number[] = [];
  readonly skipped: { id: number; bytes: number }[] = [];
  readonly detached: { id: number; reason: DetachReason; code: string | undefined; left: number }[] = [];
  readonly stream: Stream;
  #nextId = 0;

  constructor(settings: Partial<ShardSettings> = {}, store: SegmentStore = segmentsOf()) {
    this.segments = new CountedSegments(store);
    this.stream = new Stream(
      { key: 'some-key', sources: [] },
      {
        feed: this.source,
        settings: { ...SHARD_SETTINGS, ...settings },
        flusher: new FlushScheduler(0, () => {}),
        counters: this.counters,
        segments: this.segments,
        observer: {
          stateChanged: (_, state, reason) => this.states.push([state, reason?.code]),
          event: (_, name, details) => this.events.push([name, details]),
          readerJoined: (_, reader, waitedMs) => {
            expect(waitedMs).toBeGreaterThanOrEqual(0);
            this.joined.push(reader.id);
          },
          readerSkipped: (_, reader, bytes) => this.skipped.push({ id: reader.id, bytes }),
          interrupted: (_, failure) => this.interruptions.push(failure.code),
          recovered: (_, how, outageMs) => this.recoveries.push({ how, outageMs }),
          readerDetached: (stream, reader, reason, error) =>
            this.detached.push({ id: reader.id, reason, code: error?.code, left: stream.readerCount }),
        },
      },
    );
  }

  /** A viewer with its outlet; its id is its place in the order of arrival, and its slot. */
  viewer(room = Number.POSITIVE_INFINITY): Viewer {
    const id = this.#nextId++;
    const reader = new Reader(id, id, this.table, performance.now());
    const outlet = new ScriptedOutlet(room);
    reader.open(outlet);
    this.stream.attach(reader);
    return { reader, outlet };
  }

  /** Starts the stream and opens its source. */
  async start(info: Partial<typeof INFO> = {}): Promise<void> {
    this.stream.start(Promise.resolve());
    await until('the source runs', () => this.source.running);
    this.source.sink.opened({ ...INFO, ...info });
  }

  /** Bytes of the source; afterwards every willing reader is at live. */
  data(bytes: Buffer): void {
    const chunk = Buffer.from(bytes);
    this.stream.data(chunk);
    chunk.fill(0); // A source uses its buffers again.
    while (this.stream.flush(Number.POSITIVE_INFINITY) !== 'done');
  }

  /** Bytes stop coming. */
  interrupt(code: ErrorCode = 'source_ended'): void {
    this.source.sink.interrupted(new SluiceError(code, 'The source broke.'));
  }

  /** Another reading brings bytes. */
  recover(bytes: Buffer, how: RecoveredBy = 'reopen'): void {
    const relation = how === 'next-source' ? 'other-content' : 'same-content';
    this.source.sink.opened({ ...INFO, relation });
    this.source.sink.recovered(how);
    this.data(bytes);
  }

  /** Waits until the source has let go and the stream has closed. */
  async over(): Promise<void> {
    await within('the source lets go', this.stream.sourceDone);
    await until('the stream closes', () => this.stream.state === 'closed' || this.stream.state);
  }

  /** The states it went through. */
  outcome(): StreamState[] {
    return this.states.map(([state]) => state);
  }

  /** A stream that is live, with one viewer whose connection takes everything. */
  static async live(multiplex: Multiplex, settings: Partial<ShardSettings> = {}): Promise<LiveRig> {
    const rig = new StreamRig(settings);
    const first = rig.viewer();
    await rig.start();
    rig.data(multiplex.group(4).take());
    expect(rig.stream.state).toBe('live');
    return Object.assign(rig, { first });
  }
}

/** A large amount of groups. */
export function groups(multiplex: Multiplex, bytes: number): Buffer {
  while (multiplex.length < bytes) multiplex.group(10, 20).stuffing(3);
  return multiplex.take();
}
