/** Results for tests: flawless unless a test says otherwise. */
import type { LoadResult } from '../../../benchmarks/lib/load-result.ts';
import type { FanOutSample, Results } from '../../../benchmarks/lib/results.ts';

export function loadResult(changes: Partial<LoadResult> = {}): LoadResult {
  return {
    client: 'typescript',
    viewers: 100,
    parsedViewers: 100,
    megabytesPerSecond: 100,
    leastViewerBytesPerSecond: 1_000_000,
    statuses: { 200: 100 },
    silent: 0,
    closed: 0,
    syncErrors: 0,
    continuityErrors: 0,
    lostPackets: 0,
    repeatedPackets: 0,
    gaps: 0,
    joinedOnTables: 100,
    joinedOnRandomAccess: 100,
    latencyMs: { p50: 2, p90: 4, p99: 8, max: 16 },
    firstByteMs: { mean: 5, max: 9 },
    firstRandomAccessMs: { mean: 6, max: 10 },
    clientSaturated: false,
    clientBusyShare: 0.2,
    ...changes,
  };
}

export function fanOutSample(changes: Partial<FanOutSample> = {}): FanOutSample {
  return {
    variant: 'handoff',
    viewers: 100,
    round: 1,
    cpuPercent: 5,
    rssBytes: 80e6,
    deliveredShare: 1,
    machineBusyShare: 0.3,
    load: loadResult(),
    refused: null,
    ...changes,
  };
}

export function results(changes: Partial<Results> = {}): Results {
  return {
    format: 1,
    mode: 'short',
    startedAt: '2024-05-01T12:00:00.000Z',
    durationMs: 1000,
    machine: { cpu: 'Test CPU', cores: 2, memoryBytes: 2 ** 33, kernel: 'Linux 6', node: 'v20.19.0' },
    rounds: 1,
    warmUpMs: 3000,
    windowMs: 3000,
    loadClient: 'typescript',
    fanOut: [],
    slowViewers: [],
    join: [],
    routes: [],
    xtream: [],
    failures: [],
    ...changes,
  };
}
