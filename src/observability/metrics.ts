/** What is counted as it happens; what is read off when somebody scrapes stands in observed.ts. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { LOGIN_RESULTS, type LoginResult } from '../accounts/credentials.ts';
import type { ErrorCode } from '../shared/errors.ts';
import { DETACH_REASONS, type DetachReason, RECOVERED_BY, type RecoveredBy } from '../shared/protocol.ts';
import { type MetricSources, observe } from './observed.ts';

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
  #refresh: () => Promise<void> = () => Promise.resolve();

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

  /** Connects what is read off to where it comes from. */
  observe(sources: MetricSources): void {
    this.#refresh = observe(this.#registry, sources);
    for (const { place } of sources.engines.status()) this.#leases.inc({ engine: String(place) }, 0);
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
    await this.#refresh();
    return this.#registry.metrics();
  }
}
