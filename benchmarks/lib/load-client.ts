/**
 * Our load client: viewers spread over worker threads, each on a raw socket. A sample of them is checked packet by
 * packet, the others by bytes and sync bytes; the result says how many. It notices when it is too slow itself.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Histogram } from './histogram.ts';
import type { LoadCommand, WorkerPlan, WorkerReport } from './load-protocol.ts';
import type { LoadResult, Spread } from './load-result.ts';
import { max, mean } from './statistics.ts';
import type { StreamAddress } from './viewer.ts';
import { withDeadline } from './wait.ts';

/** How many viewers join, over what time, and how many of them are checked packet by packet. */
export interface LoadPlan {
  address: StreamAddress;
  viewers: number;
  joinOverMs: number;
  parsedViewers: number;
}

/** A running load: `measure` begins the window, `finish` ends it and closes every viewer. */
export interface RunningLoad {
  measure(): void;
  finish(): Promise<LoadResult>;
}

const VIEWERS_PER_THREAD = 250;
const REPORT_DEADLINE_MS = 20_000;
/** A thread busier than this has no time left to read what the server has already sent. */
const SATURATED_BUSY_SHARE = 0.95;
/** A thread that stood still this long makes any latency its own. */
const SATURATED_DELAY_MS = 500;

/** How many threads the viewers are spread over: never more than there are cores. */
export function threadCount(viewers: number, cores = availableParallelism()): number {
  return Math.max(1, Math.min(cores, Math.ceil(viewers / VIEWERS_PER_THREAD)));
}

/** Deals the viewers out: joins spread evenly over the time, the parsed sample evenly over the joins. */
export function dealOut(plan: LoadPlan, threads: number): WorkerPlan[] {
  const parsed = Math.min(plan.parsedViewers, plan.viewers);
  const workers: WorkerPlan[] = Array.from({ length: threads }, () => ({ address: plan.address, viewers: [] }));
  for (let i = 0; i < plan.viewers; i++) {
    workers[i % threads]!.viewers.push({
      joinAfterMs: Math.round((i * plan.joinOverMs) / Math.max(1, plan.viewers - 1)),
      parsed: Math.floor(((i + 1) * parsed) / plan.viewers) > Math.floor((i * parsed) / plan.viewers),
    });
  }
  return workers;
}

/** Starts the viewers; they keep watching until `finish`. */
export function startLoad(plan: LoadPlan): RunningLoad {
  const url = new URL(`./load-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
  const workers = dealOut(plan, threadCount(plan.viewers)).map(share => new Worker(url, { workerData: share }));
  const reports = workers.map(async worker => (await once(worker, 'message'))[0] as WorkerReport);
  for (const report of reports) report.catch(() => {}); // seen by finish(); a failure before that must not end us
  const tell = (command: LoadCommand) => {
    for (const worker of workers) worker.postMessage(command);
  };
  return {
    measure: () => tell({ type: 'measure' }),
    async finish() {
      tell({ type: 'report' });
      try {
        return summarise(await withDeadline('load client reports', REPORT_DEADLINE_MS, Promise.all(reports)));
      } finally {
        await Promise.all(workers.map(worker => worker.terminate()));
      }
    },
  };
}

/** Puts the reports of all threads together. */
export function summarise(reports: WorkerReport[]): LoadResult {
  const latency = new Histogram();
  for (const report of reports) latency.merge(report.latency);
  const statuses: Record<string, number> = {};
  for (const [status, count] of reports.flatMap(report => Object.entries(report.statuses))) {
    statuses[status] = (statuses[status] ?? 0) + count;
  }
  const sum = (pick: (report: WorkerReport) => number) => reports.reduce((total, report) => total + pick(report), 0);
  const windowBytes = reports.flatMap(report => report.windowBytes);
  const clientBusyShare = Math.max(...reports.map(report => report.busyShare));
  return {
    client: 'typescript',
    viewers: windowBytes.length,
    parsedViewers: sum(report => report.parsedViewers),
    megabytesPerSecond: sum(report => report.windowBytes.reduce((a, b) => a + b, 0) / 1000 / report.windowMs),
    leastViewerBytesPerSecond: Math.min(...reports.map(leastBytesPerSecond)),
    statuses,
    silent: sum(report => report.silent),
    closed: sum(report => report.closed),
    syncErrors: sum(report => report.syncErrors),
    continuityErrors: sum(report => report.continuityErrors),
    lostPackets: sum(report => report.lostPackets),
    repeatedPackets: sum(report => report.repeatedPackets),
    gaps: sum(report => report.gaps),
    joinedOnTables: sum(report => report.joinedOnTables),
    joinedOnRandomAccess: sum(report => report.joinedOnRandomAccess),
    latencyMs: latency.summary(),
    firstByteMs: spread(reports.flatMap(report => report.firstByteMs)),
    firstRandomAccessMs: spread(reports.flatMap(report => report.firstRandomAccessMs)),
    clientSaturated:
      clientBusyShare > SATURATED_BUSY_SHARE || reports.some(report => report.longestDelayMs > SATURATED_DELAY_MS),
    clientBusyShare,
  };
}

function leastBytesPerSecond({ windowBytes, windowMs }: WorkerReport): number {
  return (1000 * Math.min(...windowBytes)) / windowMs;
}

function spread(values: number[]): Spread {
  return { mean: mean(values), max: max(values) };
}
