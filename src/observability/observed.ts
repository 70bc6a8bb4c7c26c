/** What is read off when somebody scrapes; what is counted as it happens stands in metrics.ts. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ShardPool } from '../cluster/shard-pool.ts';
import { BREAKER_STATES } from '../engine/breaker.ts';
import type { EngineStatus } from '../engine/engine-member.ts';
import type { EnginePool } from '../engine/engine-pool.ts';
import type { Guide } from '../guide/guide.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { type Budget, SEGMENT_BYTES } from '../shared/budget.ts';
import { STREAM_STATES } from '../shared/protocol.ts';
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

/**
 * Makes the metrics that are read off when somebody scrapes.
 * @returns asks the shards anew; to be awaited before each scrape
 */
export function observe(registry: Registry, sources: MetricSources): () => Promise<void> {
  const { shards, engines, viewers, budget, sessions, channels, guide } = sources;
  const registers = [registry];
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
  observeCatalog(registers, channels);
  observeGuide(registers, guide);
  observeEngines(registers, engines);
  new Gauge({
    name: 'sluice_packet_log_bytes',
    help: 'Memory held by packet logs',
    registers,
    collect() {
      this.set(budget.segments * SEGMENT_BYTES);
    },
  });
  return observeShards(registers, shards);
}

function observeCatalog(registers: Registry[], channels: MetricSources['channels']): void {
  new Gauge({
    name: 'sluice_channels',
    help: 'Channels of the catalogue, by whether viewers get them',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(channels())) this.set({ state }, count);
    },
  });
}

function observeGuide(registers: Registry[], guide: MetricSources['guide']): void {
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

function observeEngines(registers: Registry[], engines: EnginePool): void {
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
}

function observeShards(registers: Registry[], shards: ShardPool): () => Promise<void> {
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
  return async () => {
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
