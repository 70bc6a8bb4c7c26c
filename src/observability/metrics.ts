import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LOGIN_RESULTS, type LoginResult } from '../accounts/credentials.ts';
import type { ShardPool } from '../cluster/shard-pool.ts';
import { BREAKER_STATES } from '../engine/breaker.ts';
import type { EngineStatus } from '../engine/engine-member.ts';
import type { EnginePool } from '../engine/engine-pool.ts';
import type { Guide } from '../guide/guide.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { type Budget, SEGMENT_BYTES } from '../shared/budget.ts';
import type { ErrorCode } from '../shared/errors.ts';
import {
  DETACH_REASONS,
  type DetachReason,
  RECOVERED_BY,
  type RecoveredBy,
  STREAM_STATES,
} from '../shared/protocol.ts';
import type { ShardCounter } from '../shared/reader-table.ts';
import type { Viewers } from '../viewers/viewers.ts';

/** Where figures come from when somebody scrapes. */
export interface MetricSources {
  shards: ShardPool;
  engines: EnginePool;
  viewers: Viewers;
  budget: Budget;
  sessions: Sessions;
  /** How many channels there are. */
  channels: () => { enabled: number; disabled: number };
  guide: Pick<Guide, 'totals'>;
}

/** Totals that shards count in shared memory, so reading them asks nobody. */
const SHARD_TOTALS: readonly [counter: ShardCounter, name: string, help: string][] = [
  ['bytesIn', 'sluice_upstream_bytes_total', 'Bytes read from upstreams'],
  ['bytesOut', 'sluice_reader_bytes_total', "Bytes written to viewers' sockets"],
  ['bytesDiscarded', 'sluice_upstream_discarded_bytes_total', 'Upstream bytes dropped while looking for packets'],
  [
    'bytesWithoutMemory',
    'sluice_upstream_unstored_bytes_total',
    'Upstream bytes dropped because the memory budget was used up',
  ],
  ['resyncs', 'sluice_upstream_resyncs_total', 'Times an upstream lost its packet grid'],
  ['joins', 'sluice_reader_joins_total', 'Readers that got their first bytes'],
  ['skips', 'sluice_reader_skips_total', 'Times a slow reader was moved ahead'],
  ['skippedBytes', 'sluice_reader_skipped_bytes_total', 'Bytes that slow readers were moved past'],
  ['flushes', 'sluice_flush_passes_total', 'Passes that wrote to readers'],
];

/** Engines are told apart by their place in the configuration, because their addresses are nobody's business here. */
const ENGINE_GAUGES: readonly [name: string, help: string, value: (status: EngineStatus) => number][] = [
  [
    'sluice_engine_up',
    'Whether an engine passed its last health check (1) or not (0)',
    ({ healthy }) => Number(healthy),
  ],
  ['sluice_engine_sessions', 'Engine sessions leased now', ({ sessions }) => sessions],
  ['sluice_engine_starts', 'Engine sessions of which no data has come yet', ({ starts }) => starts],
];

/** The process's metrics. Labels are bounded: never an address, an account or free text. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #detaches: Counter<'reason'>;
  readonly #logins: Counter<'result'>;
  readonly #sessionEnds: Counter<'reason'>;
  readonly #joinWait: Histogram;
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #interruptions: Counter<'reason'>;
  readonly #recoveries: Counter<'how'>;
  readonly #outage: Histogram;
  readonly #leases: Counter<'engine'>;
  readonly #leaseFailures: Counter<'engine' | 'code'>;
  readonly #importRuns: Counter<'state'>;
  readonly #importTime: Histogram;
  readonly #guideRuns: Counter<'state'>;
  #refreshShards: () => Promise<void> = () => Promise.resolve();

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 50 });
    this.#detaches = new Counter({
      name: 'sluice_reader_detaches_total',
      help: 'Readers that left, by reason',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of DETACH_REASONS) this.#detaches.inc({ reason }, 0);
    this.#logins = new Counter({
      name: 'sluice_logins_total',
      help: 'Logins of accounts, by result',
      labelNames: ['result'],
      registers,
    });
    for (const result of LOGIN_RESULTS) this.#logins.inc({ result }, 0);
    this.#sessionEnds = new Counter({
      name: 'sluice_session_ends_total',
      help: 'Sessions of accounts that are over, by reason',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of DETACH_REASONS) this.#sessionEnds.inc({ reason }, 0);
    this.#joinWait = new Histogram({
      name: 'sluice_reader_join_seconds',
      help: "From a viewer's arrival at its shard to its first bytes",
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.#interruptions = new Counter({
      name: 'sluice_stream_interruptions_total',
      help: 'Times that a live stream stopped bringing bytes, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.#recoveries = new Counter({
      name: 'sluice_stream_recoveries_total',
      help: 'Interrupted streams that went on, by what helped',
      labelNames: ['how'],
      registers,
    });
    for (const how of RECOVERED_BY) this.#recoveries.inc({ how }, 0);
    this.#outage = new Histogram({
      name: 'sluice_stream_outage_seconds',
      help: 'From the last byte to the first one of a recovery that worked',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60],
      registers,
    });
    this.#requests = new Counter({
      name: 'sluice_http_requests_total',
      help: 'Requests answered by the front, by route template',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#leases = new Counter({
      name: 'sluice_engine_leases_total',
      help: 'Leases granted, by engine',
      labelNames: ['engine'],
      registers,
    });
    this.#leaseFailures = new Counter({
      name: 'sluice_engine_failures_total',
      help: 'Leases that ended with a failure of the engine or of the content there, by engine and code',
      labelNames: ['engine', 'code'],
      registers,
    });
    this.#importRuns = new Counter({
      name: 'sluice_import_runs_total',
      help: 'Readings of lists of channels, by how they ended',
      labelNames: ['state'],
      registers,
    });
    for (const state of ['done', 'unchanged', 'failed']) this.#importRuns.inc({ state }, 0);
    this.#importTime = new Histogram({
      name: 'sluice_import_seconds',
      help: 'How long readings of lists took, waiting for a thread included',
      buckets: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    });
    this.#guideRuns = new Counter({
      name: 'sluice_guide_runs_total',
      help: 'Readings of programme guides, by how they ended',
      labelNames: ['state'],
      registers,
    });
    for (const state of ['done', 'unchanged', 'failed']) this.#guideRuns.inc({ state }, 0);
  }

  /** Connects the gauges to what they show. */
  observe({ shards, engines, viewers, budget, sessions, channels, guide }: MetricSources): void {
    const registers = [this.#registry];
    for (const [counter, name, help] of SHARD_TOTALS)
      new Counter({
        name,
        help,
        labelNames: ['shard'],
        registers,
        collect() {
          this.reset();
          shards.counters.forEach((counters, shard) => void this.inc({ shard: String(shard) }, counters.get(counter)));
        },
      });
    new Counter({
      name: 'sluice_flush_seconds_total',
      help: 'Time spent in passes that wrote to readers',
      labelNames: ['shard'],
      registers,
      collect() {
        this.reset();
        shards.counters.forEach((counters, shard) => {
          this.inc({ shard: String(shard) }, counters.get('flushMs') / 1000);
        });
      },
    });
    new Counter({
      name: 'sluice_shard_restarts_total',
      help: 'Shard threads started after one died',
      registers,
      collect() {
        this.reset();
        this.inc(shards.restarts);
      },
    });
    new Gauge({
      name: 'sluice_readers',
      help: 'Viewers attached now, by transport',
      labelNames: ['transport'],
      registers,
      collect() {
        const counts = { handoff: 0, relay: 0 };
        for (const { transport } of viewers.list()) counts[transport]++;
        for (const [transport, count] of Object.entries(counts)) this.set({ transport }, count);
      },
    });
    new Gauge({
      name: 'sluice_sessions',
      help: 'Sessions of accounts now',
      registers,
      collect() {
        this.set(sessions.count);
      },
    });
    this.#observeCatalog(channels);
    this.#observeGuide(guide);
    this.#observeEngines(engines);
    new Gauge({
      name: 'sluice_packet_log_bytes',
      help: 'Memory held by packet logs',
      registers,
      collect() {
        this.set(budget.segments * SEGMENT_BYTES);
      },
    });
    this.#observeShards(shards);
  }

  #observeCatalog(channels: MetricSources['channels']): void {
    new Gauge({
      name: 'sluice_channels',
      help: 'Channels of the catalogue, by whether viewers get them',
      labelNames: ['state'],
      registers: [this.#registry],
      collect() {
        for (const [state, count] of Object.entries(channels())) this.set({ state }, count);
      },
    });
  }

  #observeGuide(guide: MetricSources['guide']): void {
    const registers = [this.#registry];
    new Gauge({
      name: 'sluice_guide_programmes',
      help: 'Programmes of all guides, as they were counted last',
      registers,
      collect() {
        this.set(guide.totals.programmes);
      },
    });
    new Gauge({
      name: 'sluice_guide_channels_matched',
      help: 'Channels that have a guide',
      registers,
      collect() {
        this.set(guide.totals.matched);
      },
    });
  }

  #observeEngines(engines: EnginePool): void {
    const registers = [this.#registry];
    for (const [name, help, value] of ENGINE_GAUGES)
      new Gauge({
        name,
        help,
        labelNames: ['engine'],
        registers,
        collect() {
          for (const status of engines.status()) this.set({ engine: String(status.place) }, value(status));
        },
      });
    new Gauge({
      name: 'sluice_engine_breaker',
      help: "The state of an engine's breaker: 1 for the one that it is in, 0 for the others",
      labelNames: ['engine', 'state'],
      registers,
      collect() {
        for (const { place, breaker } of engines.status())
          for (const state of BREAKER_STATES) this.set({ engine: String(place), state }, Number(breaker === state));
      },
    });
    new Gauge({
      name: 'sluice_engine_waiting_requests',
      help: 'Requests of shards that wait for an engine now',
      registers,
      collect() {
        this.set(engines.waiting);
      },
    });
    for (const { place } of engines.status()) this.#leases.inc({ engine: String(place) }, 0);
  }

  #observeShards(shards: ShardPool): void {
    const registers = [this.#registry];
    const streams = new Gauge({ name: 'sluice_streams', help: 'Streams by state', labelNames: ['state'], registers });
    const loopDelay = new Gauge({
      name: 'sluice_shard_event_loop_delay_p99_seconds',
      help: 'Event-loop delay of each shard since the last scrape, 99th percentile',
      labelNames: ['shard'],
      registers,
    });
    const loopUse = new Gauge({
      name: 'sluice_shard_event_loop_utilization_ratio',
      help: 'Share of time each shard was busy since the last scrape',
      labelNames: ['shard'],
      registers,
    });
    const up = new Gauge({
      name: 'sluice_shard_up',
      help: 'Whether each shard answered this scrape',
      labelNames: ['shard'],
      registers,
    });
    // One round of questions feeds all these gauges; a hung shard costs its own figures only.
    this.#refreshShards = async () => {
      const [vitals, streamsByShard] = await Promise.all([shards.vitals(), shards.streams()]);
      const byState = new Map<string, number>(STREAM_STATES.map(state => [state, 0]));
      vitals.forEach((answer, index) => {
        const shard = String(index);
        up.set({ shard }, answer === undefined ? 0 : 1);
        if (answer === undefined) return;
        loopDelay.set({ shard }, answer.eventLoopDelayP99Ms / 1000);
        loopUse.set({ shard }, answer.eventLoopUtilization);
      });
      for (const { state } of streamsByShard.flatMap(list => list ?? [])) byState.set(state, byState.get(state)! + 1);
      for (const [state, count] of byState) streams.set({ state }, count);
    };
  }

  /** Counts a reader that left. */
  readerDetached(reason: string): void {
    this.#detaches.inc({ reason });
  }

  /** Notes how long a reader waited for its first bytes. */
  readerJoined(waitedMs: number): void {
    this.#joinWait.observe(waitedMs / 1000);
  }

  /** Counts a login. */
  login(result: LoginResult): void {
    this.#logins.inc({ result });
  }

  /** Counts a session that is over. */
  sessionEnded(reason: DetachReason): void {
    this.#sessionEnds.inc({ reason });
  }

  /** Counts a lease. @param place the engine's place in the configuration */
  leaseGranted(place: number): void {
    this.#leases.inc({ engine: String(place) });
  }

  /** Counts a lease that came back with a failure. @param place the engine's place in the configuration */
  leaseFailed(place: number, code: ErrorCode): void {
    this.#leaseFailures.inc({ engine: String(place), code });
  }

  /** Counts a live stream that stopped bringing bytes. */
  streamInterrupted(reason: ErrorCode): void {
    this.#interruptions.inc({ reason });
  }

  /** Counts a stream that goes on. */
  streamRecovered(how: RecoveredBy, outageMs: number): void {
    this.#recoveries.inc({ how });
    this.#outage.observe(outageMs / 1000);
  }

  /** Counts a reading of a list of channels. */
  importFinished(state: string, seconds: number): void {
    this.#importRuns.inc({ state });
    this.#importTime.observe(seconds);
  }

  /** Counts a reading of a programme guide. */
  guideRan(state: 'done' | 'unchanged' | 'failed'): void {
    this.#guideRuns.inc({ state });
  }

  /** Counts an answered request. @param route the route's template, never the path itself */
  request(method: string, route: string, status: number): void {
    this.#requests.inc({ method, route, status: String(status) });
  }

  /** Content type of {@link render}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text a Prometheus server reads. */
  async render(): Promise<string> {
    await this.#refreshShards();
    return this.#registry.metrics();
  }
}
