import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { SluiceError } from '../../src/shared/errors.ts';
import type {
  AttachNotification,
  DetachReason,
  FrontRequests,
  OutletSpec,
  ShardBoot,
  ShardNotification,
  ShardSnapshot,
  StreamState,
} from '../../src/shared/protocol.ts';
import { ReaderTable, ShardCounters } from '../../src/shared/reader-table.ts';
import type { RequestHandlers } from '../../src/shared/shard-link.ts';
import type { StreamKey } from '../../src/shared/stream-spec.ts';
import { FlushScheduler } from './flush-scheduler.ts';
import type { Outlet, OutletEvents, OutletHub } from './outlet.ts';
import { Reader } from './reader.ts';
import { EngineSource, type Leases } from './source/engine-source.ts';
import { Stream, type StreamObserver } from './stream.ts';

const SWEEP_MS = 1_000;

/** Ways to reach viewers; handoff is missing where descriptors can't be shared. */
export interface OutletHubs {
  relay: OutletHub<Extract<OutletSpec, { kind: 'relay' }>>;
  handoff: OutletHub<Extract<OutletSpec, { kind: 'handoff' }>> | undefined;
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
  readonly #streams = new Map<StreamKey, Stream>();
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 10 });
  #loopMark = performance.eventLoopUtilization();
  #draining = false;

  /**
   * @param notify tells the front something
   * @param leases asks the front for engines
   * @param hubs ways to reach viewers
   */
  constructor(boot: ShardBoot, notify: (notification: ShardNotification) => void, leases: Leases, hubs: OutletHubs) {
    this.#boot = boot;
    this.#notify = notify;
    this.#leases = leases;
    this.#table = new ReaderTable(boot.readers);
    this.#counters = new ShardCounters(boot.counters);
    this.#flusher = new FlushScheduler(boot.settings.flushBudgetMs, tookMs => {
      this.#counters.add('flushes', 1);
      this.#counters.add('flushMs', tookMs);
    });
    this.#hubs = hubs;
    this.#loopDelay.enable();
    setInterval(
      () => {
        const nowMs = performance.now();
        for (const stream of this.#streams.values()) stream.sweep(nowMs);
      },
      Math.min(SWEEP_MS, boot.settings.staleClientTimeoutMs / 2),
    ).unref();
  }

  /** Answers to the front's requests. */
  readonly handlers: RequestHandlers<FrontRequests> = {
    snapshot: () => this.#snapshot(),
    closeStream: ({ key }) => {
      const stream = this.#streams.get(key);
      if (stream === undefined || stream.state === 'closing') return { closed: false };
      stream.close('closed-by-operator', new SluiceError('stream_closed', 'An operator closed this stream.'));
      return { closed: true };
    },
    drain: async () => {
      this.#draining = true;
      const streams = [...this.#streams.values()];
      for (const stream of streams)
        stream.close('shutdown', new SluiceError('shutting_down', 'The gateway is shutting down.'));
      await Promise.all(streams.map(stream => stream.done));
      return { streams: streams.length };
    },
  };

  /** Takes a viewer: opens its stream if nobody watches it yet. */
  attach({ readerId, slot, stream: spec, outlet }: AttachNotification): void {
    const reader = new Reader(readerId, slot, this.#table, performance.now());
    const existing = this.#streams.get(spec.key);
    const reuse = existing !== undefined && existing.state !== 'closing' && existing.state !== 'closed';
    const stream = reuse ? existing : this.#createStream(spec);
    reader.open(
      this.#openOutlet(outlet, slot, {
        onWritable: () => stream.resume(reader),
        onGone: () => stream.detach(reader, 'client-gone'),
      }),
    );
    stream.attach(reader);
    if (reuse) return;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      stream.detach(reader, this.#draining ? 'shutdown' : 'start-failed', refusal);
      return;
    }
    this.#streams.set(spec.key, stream);
    // One content has one session at an engine, so a run that is ending must be over first.
    stream.start(existing?.done ?? Promise.resolve());
    void stream.done.then(() => {
      if (this.#streams.get(spec.key) === stream) this.#streams.delete(spec.key);
    });
  }

  stateChanged(stream: Stream, state: StreamState, reason: SluiceError | undefined): void {
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

  #createStream(spec: AttachNotification['stream']): Stream {
    const { settings } = this.#boot;
    return new Stream(spec, {
      source: new EngineSource(spec, this.#leases, settings),
      settings,
      flusher: this.#flusher,
      counters: this.#counters,
      observer: this,
    });
  }

  #refusal(): SluiceError | undefined {
    if (this.#draining) return new SluiceError('shutting_down', 'The gateway is shutting down.');
    if (this.#streams.size >= this.#boot.settings.maxStreams)
      return new SluiceError('streams_full', 'The gateway already runs as many streams as it may (MAX_STREAMS).');
    return undefined;
  }

  #openOutlet(spec: OutletSpec, slot: number, events: OutletEvents): Outlet {
    if (spec.kind === 'relay') return this.#hubs.relay.open(spec, slot, events);
    if (this.#hubs.handoff === undefined) throw new Error('a descriptor was handed to a shard that cannot write to it');
    return this.#hubs.handoff.open(spec, slot, events);
  }

  #snapshot(): ShardSnapshot {
    const nowMs = performance.now();
    const utilization = performance.eventLoopUtilization(this.#loopMark);
    this.#loopMark = performance.eventLoopUtilization();
    const eventLoopDelayP99Ms = this.#loopDelay.percentile(99) / 1e6;
    this.#loopDelay.reset();
    return {
      streams: [...this.#streams.values()].map(stream => stream.snapshot(nowMs)),
      eventLoopDelayP99Ms,
      eventLoopUtilization: utilization.utilization,
    };
  }
}
