import { describe, expect, it } from '@jest/globals';
import { Histogram } from '../../../benchmarks/lib/histogram.ts';
import { fromBinaryOutput } from '../../../benchmarks/lib/load-binary.ts';
import { dealOut, summarise, threadCount } from '../../../benchmarks/lib/load-client.ts';
import type { WorkerReport } from '../../../benchmarks/lib/load-protocol.ts';
import { defects, type LoadResult } from '../../../benchmarks/lib/load-result.ts';
import { judge } from '../../../benchmarks/lib/measure.ts';
import { loadResult } from './samples.ts';

const measured = (load: Partial<LoadResult>, cpuPercent = 5) => ({
  cpuPercent,
  rssBytes: 80e6,
  deliveredShare: 1,
  machineBusyShare: 0.3,
  load: loadResult(load),
});

describe('judge', () => {
  it('lets a flawless measurement pass', () => {
    expect(judge(false, measured({}))).toEqual({ refused: null, failure: null });
  });

  it.each<[Partial<LoadResult>, string]>([
    [{ lostPackets: 3 }, '3 packets lost'],
    [{ repeatedPackets: 1 }, '1 packets repeated'],
    [{ syncErrors: 2 }, '2 sync errors'],
    [{ continuityErrors: 4 }, '4 continuity errors'],
    [{ closed: 1 }, '1 connections ended by the server'],
    [{ silent: 5 }, '5 viewers without a byte'],
    [{ statuses: { 200: 99, 503: 1 } }, '1 answers with status 503'],
  ])('refuses and fails %j', (load, reason) => {
    expect(judge(false, measured(load))).toEqual({ refused: reason, failure: reason });
  });

  it('refuses but does not fail what the load client was too slow for', () => {
    const verdict = judge(false, measured({ clientSaturated: true }));
    expect(verdict).toEqual({ refused: 'the load client was the bottleneck', failure: null });
  });

  it('does not blame the stream for viewers that an overloaded server has not reached', () => {
    expect(judge(false, measured({ silent: 5 }, 99)).failure).toBeNull();
    expect(judge(false, measured({ silent: 100 }, 99)).failure).not.toBeNull();
    expect(judge(false, { ...measured({ silent: 5 }), machineBusyShare: 1 }).failure).not.toBeNull();
    expect(judge(false, measured({ silent: 5, lostPackets: 1 }, 99)).failure).not.toBeNull();
  });

  it('holds against a floor only that it dropped bytes', () => {
    expect(judge(true, measured({ syncErrors: 9 }))).toEqual({ refused: null, failure: null });
    expect(judge(true, { ...measured({}), deliveredShare: 0.5 }).refused).toMatch(/dropped/);
  });
});

describe('the load client', () => {
  it('spreads joins over the time and the parsed sample over the joins', () => {
    const plan = { address: { port: 1, path: '/' }, viewers: 11, joinOverMs: 1000, parsedViewers: 5 };
    const [one, other] = dealOut(plan, 2).map(worker => worker.viewers);
    expect([one!.length, other!.length]).toEqual([6, 5]);
    expect(one!.map(viewer => viewer.joinAfterMs)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect([...one!, ...other!].filter(viewer => viewer.parsed)).toHaveLength(5);
  });

  it('never uses more threads than there are cores', () => {
    expect([threadCount(1, 8), threadCount(400, 8), threadCount(1000, 2)]).toEqual([1, 2, 2]);
  });

  it('adds threads up and notices the one that was too busy', () => {
    const { steps } = new Histogram();
    const report: WorkerReport = {
      windowMs: 2000,
      windowBytes: [2_000_000, 1_000_000],
      latency: { steps, count: 0, maxMs: 0 },
      statuses: { 200: 2 },
      silent: 0,
      closed: 0,
      parsedViewers: 2,
      syncErrors: 0,
      continuityErrors: 0,
      lostPackets: 1,
      repeatedPackets: 0,
      gaps: 1,
      joinedOnTables: 2,
      joinedOnRandomAccess: 2,
      firstByteMs: [1, 3],
      firstRandomAccessMs: [],
      busyShare: 0.5,
      longestDelayMs: 20,
    };
    expect(summarise([report, report])).toMatchObject({
      viewers: 4,
      megabytesPerSecond: 3,
      leastViewerBytesPerSecond: 500_000,
      statuses: { 200: 4 },
      lostPackets: 2,
      firstByteMs: { mean: 2, max: 3 },
      firstRandomAccessMs: { mean: null, max: null },
      clientSaturated: false,
    });
    expect(summarise([report, { ...report, busyShare: 0.99 }]).clientSaturated).toBe(true);
    expect(summarise([report, { ...report, longestDelayMs: 900 }]).clientSaturated).toBe(true);
  });
});

describe('a compiled load client', () => {
  it('is understood field by field', () => {
    const line = `{"readers":2,"MBps":2.00,"silent":0,"closed":0,"bad":1,"http200":1,"http503":1,"sync_err":0,"cc_err":1,
      "lost":2,"gaps":1,"repeated":0,"nulls":0,"discontinuity_flags":0,"join":{"on_tables":2,"on_key":1},
      "lat_ms":{"p50":1.5,"p90":-1,"p99":-1,"max":-1},"first_byte_ms":{"mean":1.0,"max":2.0},"first_key_ms":{"mean":-1,"max":0.0}}`;
    const load = fromBinaryOutput(JSON.parse(line), 0.3);
    expect(load).toMatchObject({ client: 'binary', statuses: { 200: 1, 503: 1 }, joinedOnRandomAccess: 1 });
    expect(load.latencyMs).toEqual({ p50: 1.5, p90: null, p99: null, max: null });
    expect(defects(load)).toEqual(['2 packets lost', '1 continuity errors', '1 answers with status 503']);
  });
});
