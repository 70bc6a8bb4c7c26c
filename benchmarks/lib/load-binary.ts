/** A compiled load client (BENCH_LOAD_BINARY) in place of ours, so that our figures can be checked against another's. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { RunningLoad } from './load-client.ts';
import type { LoadResult } from './load-result.ts';
import { cpuPercent, type Usage, usage } from './process.ts';
import type { StreamAddress } from './viewer.ts';

const SATURATED_BUSY_SHARE = 0.95;

/** It keeps its own clock, so it must know both durations when it starts. */
export interface BinaryPlan {
  binary: string;
  address: StreamAddress;
  viewers: number;
  joinOverMs: number;
  warmUpMs: number;
  windowMs: number;
}

/** The fields of its JSON line that are used; answers are counted in keys such as `http200`. */
export interface BinaryOutput {
  readers: number;
  MBps: number;
  silent: number;
  closed: number;
  sync_err: number;
  cc_err: number;
  lost: number;
  gaps: number;
  repeated: number;
  join: { on_tables: number; on_key: number };
  lat_ms: { p50: number; p90: number; p99: number; max: number };
  first_byte_ms: { mean: number; max: number };
  first_key_ms: { mean: number; max: number };
}

/** Starts the compiled client; it ends by itself when its window is over. */
export function startBinaryLoad(plan: BinaryPlan): RunningLoad {
  const { address, viewers, joinOverMs, warmUpMs, windowMs } = plan;
  const args = [address.port, viewers, windowMs / 1000, address.path, warmUpMs / 1000, joinOverMs].map(String);
  const running = promisify(execFile)(plan.binary, args);
  running.catch(() => {}); // seen by finish()
  const usageNow = () => readUsage(running.child.pid);
  let before: Usage | null = null;
  return {
    measure() {
      before = usageNow();
    },
    async finish() {
      const after = usageNow();
      const busyShare = before === null || after === null ? null : cpuPercent(before, after) / 100;
      return fromBinaryOutput(JSON.parse((await running).stdout) as BinaryOutput, busyShare);
    },
  };
}

function readUsage(pid: number | undefined): Usage | null {
  try {
    return pid === undefined ? null : usage(pid);
  } catch {
    return null; // it has already ended
  }
}

/** Translates its report; it writes -1 where it measured nothing. */
export function fromBinaryOutput(output: BinaryOutput, clientBusyShare: number | null): LoadResult {
  const known = (value: number) => (value < 0 ? null : value);
  const statuses: Record<string, number> = {};
  for (const [key, value] of Object.entries(output)) {
    const status = /^http(\d{3})$/.exec(key)?.[1];
    if (status !== undefined && typeof value === 'number') statuses[status] = value;
  }
  const { lat_ms: latency, first_byte_ms: firstByte, first_key_ms: firstKey } = output;
  return {
    client: 'binary',
    viewers: output.readers,
    parsedViewers: output.readers,
    megabytesPerSecond: output.MBps,
    leastViewerBytesPerSecond: null,
    statuses,
    silent: output.silent,
    closed: output.closed,
    syncErrors: output.sync_err,
    continuityErrors: output.cc_err,
    lostPackets: output.lost,
    repeatedPackets: output.repeated,
    gaps: output.gaps,
    joinedOnTables: output.join.on_tables,
    joinedOnRandomAccess: output.join.on_key,
    latencyMs: { p50: known(latency.p50), p90: known(latency.p90), p99: known(latency.p99), max: known(latency.max) },
    firstByteMs: { mean: known(firstByte.mean), max: known(firstByte.max) },
    firstRandomAccessMs: { mean: known(firstKey.mean), max: known(firstKey.max) },
    clientSaturated: clientBusyShare !== null && clientBusyShare > SATURATED_BUSY_SHARE,
    clientBusyShare,
  };
}
