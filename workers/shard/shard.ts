import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Budget } from '../../src/shared/budget.ts';
import { SluiceError } from '../../src/shared/errors.ts';
import type {
  AttachNotification,
  DetachReason,
  EndNotification,
  EndReason,
  FrontRequests,
  OutletSpec,
  RecoveredBy,
  ShardBoot,
  ShardNotification,
  ShardVitals,
  StreamState,
} from '../../src/shared/protocol.ts';
import { ReaderTable, ShardCounters } from '../../src/shared/reader-table.ts';
import type { RequestHandlers } from '../../src/shared/shard-link.ts';
import type { SourceSpec, StreamKey } from '../../src/shared/stream-spec.ts';
import { FlushScheduler } from './flush-scheduler.ts';
import type { Outlet, OutletEvents, OutletHub } from './outlet.ts';
import { Reader } from './reader.ts';
import type { SegmentStore } from './segments.ts';
import { EngineSource } from './source/engine-source.ts';
import { HttpSource } from './source/http-source.ts';
import type { Leases } from './source/leases.ts';
import type { Source } from './source/source.ts';
import { Supervisor } from './source/supervisor.ts';
import { Stream, type StreamObserver } from './stream.ts';

const SWEEP_MS = 1_000;
const DELAY_RESOLUTION_MS = 50;

/** What a viewer is told who is sent away before the first byte. */
const FAREWELLS: Readonly<Record<EndReason, string>> = {
  replaced: 'The same device has opened another channel.',
  limit: 'Another device of this account has taken the connection.',
  kicked: 'An administrator ended the session.',
  'account-closed': 'The account may not watch any more.',
};

/** Ways to reach viewers; handoff is missing where descriptors can't be shared. */
export interface OutletHubs {
  relay: OutletHub<Extract<OutletSpec, { kind: 'relay' }>>;
  handoff: (OutletHub<Extract<OutletSpec, { kind: 'handoff' }>> & { look(nowMs: number): void }) | undefined;
}

/** The streams of one worker thread. */
export class Shard implements StreamObserver {
  readonly #boot: ShardBoot;
  readonly #notify: (notification: ShardNotification) => void;
  readonly #leases: Leases;
  readonly #table: ReaderTable;
  readonly #counters: ShardCounters;
  readonly #flusher: FlushScheduler;
  readonly #hubs: OutletHubs;
  readonly #budget: Budget;
  readonly #segments: SegmentStore;
  /** Every stream that is not closed; of one key, the newest is the current one. */
  readonly #streams = new Set<Stream>();
  readonly #current = new Map<StreamKey, Stream>();
  readonly #loopDelay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #loopMark = performance.eventLoopUtilization();
  #draining = false;

  /**
   * @param notify tells the front something
   * @param leases asks the front for engines
   * @param hubs ways to reach viewers
   * @param budget what the process may hold
   * @param segments where packet logs get their memory
   */
  constructor(
    boot: ShardBoot,
    notify: (notification: ShardNotification) => void,
    leases: Leases,
    hubs: OutletHubs,
    budget: Budget,
    segments: SegmentStore,
  ) {
    this.#boot = boot;
    this.#notify = notify;
    this.#leases = leases;
    this.#table = new ReaderTable(boot.readers);
    this.#counters = new ShardCounters(boot.counters);
    this.#flusher = new FlushScheduler(boot.settings.flushBudgetMs, tookMs => {
      this.#counters.add('flushes', 1);
      this.#counters.add('flushMs', tookMs);
      hubs.handoff?.look(performance.now());
    });
    this.#hubs = hubs;
    this.#budget = budget;
    this.#segments = segments;
    this.#loopDelay.enable();
    setInterval(
      () => {
        const nowMs = performance.now();
        for (const stream of this.#streams) stream.sweep(nowMs);
      },
      Math.min(SWEEP_MS, boot.settings.staleClientTimeoutMs / 2),
    ).unref();
  }

  /** Answers to the front's requests. */
  readonly handlers: RequestHandlers<FrontRequests> = {
    streams: () => {
      const nowMs = performance.now();
      // Of two runs of one key the newer comes first, because that is the one new viewers get.
      return [...this.#streams].reverse().map(stream => stream.snapshot(nowMs));
    },
    vitals: () => this.#vitals(),
    closeStream: ({ key }) => {
      const open = [...this.#streams].filter(stream => stream.spec.key === key && stream.state !== 'closing');
      for (const stream of open)
        stream.close('closed-by-operator', new SluiceError('stream_closed', 'An operator closed this stream.'));
      return { closed: open.length > 0 };
    },
    endLingering: async () => {
      const stream = this.#oldestLingering();
      stream?.endLingering();
      await stream?.sourceDone;
      return { ended: stream !== undefined };
    },
    drain: async () => {
      this.#draining = true;
      const streams = [...this.#streams];
      for (const stream of streams)
        stream.close('shutdown', new SluiceError('shutting_down', 'The gateway is shutting down.'));
      await Promise.all(streams.map(stream => stream.sourceDone));
      return { streams: streams.length };
    },
  };

  /** Takes a viewer: opens its stream if nobody watches it yet. */
  attach({ readerId, slot, stream: spec, outlet }: AttachNotification): void {
    const reader = new Reader(readerId, slot, this.#table, performance.now());
    const existing = this.#current.get(spec.key);
    const stream = existing?.isOpen ? existing : this.#createStream(spec);
    reader.open(
      this.#openOutlet(outlet, slot, {
        onWritable: () => stream.resume(reader),
        onGone: () => stream.detach(reader, 'client-gone'),
      }),
    );
    stream.attach(reader);
    if (stream === existing) return;
    const refusal = this.#admit();
    if (refusal !== undefined) {
      stream.detach(reader, refusal.code === 'shutting_down' ? 'shutdown' : 'start-failed', refusal);
      return;
    }
    this.#streams.add(stream);
    this.#current.set(spec.key, stream);
    // One content has one session at an engine, so a run that is ending must be over first.
    stream.start(existing?.sourceDone ?? Promise.resolve());
  }

  /** Sends one viewer away, if it has not left meanwhile. */
  end({ readerId, key, reason }: EndNotification): void {
    const error = new SluiceError('session_ended', FAREWELLS[reason]);
    // Two runs of one key may be there, and the reader is in one of them.
    for (const stream of this.#streams) if (stream.spec.key === key) stream.end(readerId, reason, error);
  }

  #oldestLingering(): Stream | undefined {
    return [...this.#streams].find(stream => stream.state === 'lingering');
  }

  /** Counts a new stream in. @returns why there may be none */
  #admit(): SluiceError | undefined {
    if (this.#draining) return new SluiceError('shutting_down', 'The gateway is shutting down.');
    const lacking = this.#budget.openStream(this.#boot.index);
    const lingering = lacking && this.#oldestLingering();
    if (lingering !== undefined) {
      // Zapping must not end at a limit that only the channels of a moment ago use up.
      lingering.endLingering();
      this.#budget.replaceStream(this.#boot.index);
      return undefined;
    }
    switch (lacking) {
      case 'streams':
        return new SluiceError('streams_full', 'The gateway already runs as many streams as it may (MAX_STREAMS).');
      case 'memory':
        return new SluiceError('memory_full', 'The packet logs of more streams do not fit (MEMORY_BUDGET).');
      case undefined:
        return undefined;
    }
  }

  stateChanged(stream: Stream, state: StreamState, reason: SluiceError | undefined): void {
    if (state === 'closed') {
      this.#budget.closeStream(this.#boot.index);
      this.#streams.delete(stream);
      if (this.#current.get(stream.spec.key) === stream) this.#current.delete(stream.spec.key);
    }
    this.#notify({ type: 'streamState', key: stream.spec.key, state, reason: reason?.toWire() });
  }

  event(stream: Stream, event: string, details: Record<string, string | number | boolean>): void {
    this.#notify({ type: 'streamEvent', key: stream.spec.key, event, details });
  }

  readerJoined(stream: Stream, reader: Reader, waitedMs: number): void {
    const { key } = stream.spec;
    this.#notify({ type: 'readerJoined', readerId: reader.id, key, waitedMs, readers: stream.readerCount });
  }

  readerSkipped(stream: Stream, reader: Reader, bytes: number): void {
    this.#notify({ type: 'readerSkipped', readerId: reader.id, key: stream.spec.key, bytes });
  }

  readerDetached(stream: Stream, reader: Reader, reason: DetachReason, error: SluiceError | undefined): void {
    const { key } = stream.spec;
    const readers = stream.readerCount;
    this.#notify({ type: 'readerDetached', readerId: reader.id, key, reason, error: error?.code, readers });
  }

  interrupted(stream: Stream, failure: SluiceError): void {
    this.#notify({ type: 'streamInterrupted', key: stream.spec.key, failure: failure.toWire() });
  }

  recovered(stream: Stream, how: RecoveredBy, outageMs: number): void {
    this.#notify({ type: 'streamRecovered', key: stream.spec.key, how, outageMs });
  }

  #createStream(spec: AttachNotification['stream']): Stream {
    const { settings } = this.#boot;
    return new Stream(spec, {
      feed: new Supervisor(
        spec.sources.map(source => this.#sourceOf(source)),
        settings,
      ),
      settings,
      flusher: this.#flusher,
      segments: this.#segments,
      counters: this.#counters,
      observer: this,
    });
  }

  #sourceOf(source: SourceSpec): Source {
    const { settings } = this.#boot;
    switch (source.kind) {
      case 'engine':
        return new EngineSource(source, this.#leases, settings);
      case 'http':
        return new HttpSource(source, settings);
      default:
        return source satisfies never;
    }
  }

  #openOutlet(spec: OutletSpec, slot: number, events: OutletEvents): Outlet {
    if (spec.kind === 'relay') return this.#hubs.relay.open(spec, slot, events);
    if (this.#hubs.handoff === undefined) throw new Error('a descriptor was handed to a shard that cannot write to it');
    return this.#hubs.handoff.open(spec, slot, events);
  }

  #vitals(): ShardVitals {
    const { utilization } = performance.eventLoopUtilization(this.#loopMark);
    this.#loopMark = performance.eventLoopUtilization();
    // What is measured is the distance between two samples, which includes the time they are apart by design.
    const eventLoopDelayP99Ms = Math.max(0, this.#loopDelay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS);
    this.#loopDelay.reset();
    return { eventLoopDelayP99Ms, eventLoopUtilization: utilization };
  }
}
