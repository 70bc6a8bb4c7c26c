/** A worker thread of the load client: opens its viewers at their times and reports when it is told to. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { Histogram } from './histogram.ts';
import type { LoadCommand, WorkerPlan, WorkerReport } from './load-protocol.ts';
import { monotonicMs, Viewer } from './viewer.ts';

const port = parentPort;
if (port === null) throw new Error('load-worker runs as a worker thread only');

const plan = workerData as WorkerPlan;
const viewers: Viewer[] = [];
const latency = new Histogram();
const delay = monitorEventLoopDelay({ resolution: 10 });
let start = { atMs: 0, bytes: [] as number[], utilization: performance.eventLoopUtilization() };

for (const { joinAfterMs, parsed } of plan.viewers) {
  setTimeout(() => viewers.push(new Viewer(plan.address, parsed ? 'parsed' : 'counted')), joinAfterMs);
}

function measure(): void {
  for (const viewer of viewers) if (viewer.packets !== null) viewer.packets.latency = latency;
  delay.enable();
  start = {
    atMs: monotonicMs(),
    bytes: viewers.map(viewer => viewer.bytes),
    utilization: performance.eventLoopUtilization(),
  };
}

function report(): WorkerReport {
  const windowMs = monotonicMs() - start.atMs;
  const busyShare = performance.eventLoopUtilization(start.utilization).utilization;
  delay.disable();
  const statuses: Record<string, number> = {};
  for (const { status } of viewers) {
    if (status !== null) statuses[status] = (statuses[status] ?? 0) + 1;
  }
  const checked = viewers.map(viewer => viewer.packets).filter(packets => packets !== null);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    windowMs,
    windowBytes: viewers.map((viewer, index) => viewer.bytes - (start.bytes[index] ?? 0)),
    latency: { steps: latency.steps, count: latency.count, maxMs: latency.maxMs },
    statuses,
    silent: viewers.filter(viewer => viewer.bytes === 0).length,
    closed: viewers.filter(viewer => viewer.ended).length,
    parsedViewers: checked.length,
    syncErrors: sum(viewers.map(viewer => viewer.syncErrors)),
    continuityErrors: sum(checked.map(packets => packets.continuityErrors)),
    lostPackets: sum(checked.map(packets => packets.lostPackets)),
    repeatedPackets: sum(checked.map(packets => packets.repeatedPackets)),
    gaps: sum(checked.map(packets => packets.gaps)),
    joinedOnTables: checked.filter(packets => packets.joinedOnTables).length,
    joinedOnRandomAccess: checked.filter(packets => packets.joinedOnRandomAccess).length,
    firstByteMs: viewers.map(viewer => viewer.firstByteMs).filter(ms => ms !== null),
    firstRandomAccessMs: viewers.map(viewer => viewer.firstRandomAccessMs).filter(ms => ms !== null),
    busyShare,
    longestDelayMs: delay.max / 1e6,
  };
}

port.on('message', (command: LoadCommand) => {
  if (command.type === 'measure') return measure();
  port.postMessage(report());
  for (const viewer of viewers) viewer.close();
  port.close();
});
