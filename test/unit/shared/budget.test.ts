import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Budget, type BudgetLimits, MIN_SEGMENTS_PER_STREAM, SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { PACKET_BYTES } from '../../../src/shared/mpegts.ts';
import { type ThreadModules, threadModules } from '../support/threads.ts';

const newBudget = (limits: Partial<BudgetLimits> = {}): Budget =>
  new Budget({ shards: 2, streams: 100, segments: 1_000, ...limits });

/** Claims `count` segments, which there must be. */
function claim(budget: Budget, shard: number, count: number): number[] {
  const rows = Array.from({ length: count }, () => budget.claim(shard));
  expect(rows.filter(row => row < 0)).toEqual([]);
  return rows;
}

/** What a dead shard's memory files were. */
function reclaim(budget: Budget, shard: number): { fd: number; address: number }[] {
  const files: { fd: number; address: number }[] = [];
  budget.reclaim(shard, file => files.push(file));
  return files;
}

describe('a segment', () => {
  it('is a whole number of packets and fits into 256 pages of memory', () => {
    expect(SEGMENT_BYTES % PACKET_BYTES).toBe(0);
    expect(SEGMENT_BYTES).toBeLessThanOrEqual(256 * 4_096);
    expect(SEGMENT_BYTES + PACKET_BYTES).toBeGreaterThan(256 * 4_096);
  });
});

describe('segments of the budget', () => {
  it('are counted in and out, each under a row of its own', () => {
    const budget = newBudget({ segments: 8 });
    const rows = [...claim(budget, 0, 3), ...claim(budget, 1, 2)];
    expect([budget.segments, new Set(rows).size]).toEqual([5, 5]);
    for (const row of rows.slice(0, 4)) budget.release(row);
    expect(budget.segments).toBe(1);
  });

  it('run out, and can be had again once one was given back', () => {
    const budget = newBudget({ segments: 3 });
    const [, row] = claim(budget, 0, 3) as [number, number];
    expect([budget.claim(0), budget.claim(1), budget.segments]).toEqual([-1, -1, 3]);
    budget.release(row);
    expect([budget.claim(1), budget.claim(1), budget.segments]).toEqual([row, -1, 3]);
  });

  it('are shared by everybody who has the buffer', () => {
    const budget = newBudget({ segments: 4 });
    const other = new Budget(budget.limits, budget.buffer);
    const rows = [...claim(budget, 0, 2), ...claim(other, 1, 2)];
    expect([new Set(rows).size, budget.segments, other.segments, budget.claim(0)]).toEqual([4, 4, 4, -1]);
    other.openStream(1);
    expect(budget.streams).toBe(1);
  });
});

describe('streams of the budget', () => {
  it('are counted in and out, and refused when there are as many as there may be', () => {
    const budget = newBudget({ streams: 2 });
    expect([budget.openStream(0), budget.openStream(1), budget.openStream(0)]).toEqual([
      undefined,
      undefined,
      'streams',
    ]);
    expect(budget.streams).toBe(2);
    budget.closeStream(1);
    expect([budget.openStream(0), budget.openStream(1), budget.streams]).toEqual([undefined, 'streams', 2]);
  });

  it('are refused for memory when each could not have its least number of segments', () => {
    const budget = newBudget({ segments: 3 * MIN_SEGMENTS_PER_STREAM - 1 });
    expect([budget.openStream(0), budget.openStream(1), budget.openStream(0)]).toEqual([
      undefined,
      undefined,
      'memory',
    ]);
    expect(budget.streams).toBe(2);
    expect(newBudget({ segments: MIN_SEGMENTS_PER_STREAM - 1 }).openStream(0)).toBe('memory');
  });

  it('are refused for their number first, because more memory would not help', () => {
    const budget = newBudget({ streams: 1, segments: MIN_SEGMENTS_PER_STREAM });
    expect([budget.openStream(0), budget.openStream(0)]).toEqual([undefined, 'streams']);
  });
});

describe("a stream's part of the budget", () => {
  it('is all there is until seven eighths are taken, then an equal part of those', () => {
    const budget = newBudget({ segments: 80 });
    for (let i = 0; i < 5; i++) budget.openStream(0);
    claim(budget, 0, 69);
    expect(budget.segmentsPerStream).toBe(80);
    const [row] = claim(budget, 0, 1);
    expect(budget.segmentsPerStream).toBe(14);
    for (let i = 0; i < 5; i++) budget.openStream(1);
    expect(budget.segmentsPerStream).toBe(7);
    budget.release(row!);
    expect(budget.segmentsPerStream).toBe(80);
  });

  it('is never less than the number that every stream can count on', () => {
    const budget = newBudget({ segments: 10 * MIN_SEGMENTS_PER_STREAM });
    for (let i = 0; i < 10; i++) expect(budget.openStream(0)).toBeUndefined();
    claim(budget, 0, 10 * MIN_SEGMENTS_PER_STREAM);
    expect(budget.segmentsPerStream).toBe(MIN_SEGMENTS_PER_STREAM);
  });

  it('leaves free what the next stream can count on, however small the budget is', () => {
    const budget = newBudget({ segments: 16 });
    for (const parts of [12, 6, 4]) {
      expect(budget.openStream(0)).toBeUndefined();
      const rows = claim(budget, 0, 16 - MIN_SEGMENTS_PER_STREAM);
      expect(budget.segmentsPerStream).toBe(parts);
      for (const row of rows) budget.release(row);
    }
  });

  it('is known while no stream is open', () => {
    const budget = newBudget({ segments: 8 });
    claim(budget, 0, 8);
    expect(budget.segmentsPerStream).toBe(4);
  });
});

describe('reclaiming', () => {
  it('gives back all that a dead shard held and nothing of another, and names each memory file once', () => {
    const budget = newBudget();
    const [first, second, onHeap] = claim(budget, 1, 3) as [number, number, number];
    const [others] = claim(budget, 0, 1) as [number];
    budget.setFile(first, 70, 2 ** 46 + 4_096);
    budget.setFile(second, 0, 8_192); // Descriptor 0 is one like any other.
    budget.setFile(others, 71, 12_288);
    for (const shard of [0, 1, 1]) budget.openStream(shard);
    expect(reclaim(budget, 1)).toEqual([
      { fd: 70, address: 2 ** 46 + 4_096 },
      { fd: 0, address: 8_192 },
    ]);
    expect([budget.segments, budget.streams]).toEqual([1, 1]);
    expect(reclaim(budget, 1)).toEqual([]);
    expect([budget.segments, budget.streams, onHeap >= 0]).toEqual([1, 1, true]);
    expect(reclaim(budget, 0)).toEqual([{ fd: 71, address: 12_288 }]);
    expect([budget.segments, budget.streams]).toEqual([0, 0]);
  });

  it('names no file that was released before, nor that of a row’s earlier owner', () => {
    const budget = newBudget({ segments: 2 });
    const [released, kept] = claim(budget, 0, 2) as [number, number];
    budget.setFile(released, 70, 4_096);
    budget.setFile(kept, 71, 8_192);
    budget.setFile(released, -1, 0);
    budget.release(released);
    expect(budget.claim(1)).toBe(released);
    expect(reclaim(budget, 1)).toEqual([]);
    expect(reclaim(budget, 0)).toEqual([{ fd: 71, address: 8_192 }]);
    claim(budget, 0, 2); // On rows that were reclaimed together with their files.
    expect(reclaim(budget, 0)).toEqual([]);
    expect(budget.segments).toBe(0);
  });

  it('of a shard that held nothing changes nothing', () => {
    const budget = newBudget();
    claim(budget, 0, 1);
    budget.openStream(0);
    expect(reclaim(budget, 1)).toEqual([]);
    expect([budget.segments, budget.streams]).toEqual([1, 1]);
  });
});

/** What one of the threads saw and kept. */
interface ThreadReport {
  /** Rows that it was given while another thread had them. */
  doubled: number;
  claims: number;
  refusedClaims: number;
  refusedStreams: number;
  /** Most segments that the budget ever said were in use. */
  most: number;
  held: number[];
  streams: number;
}

/** Takes and gives at random, in step with the others from the first round on, and keeps what it has in the end. */
const CONTENDER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Budget } from './budget.mjs';
  const { limits, buffer, owners: ownersBuffer, gate: gateBuffer, shard, rounds } = workerData;
  const budget = new Budget(limits, buffer);
  const owners = new Int32Array(ownersBuffer);
  const report = { doubled: 0, claims: 0, refusedClaims: 0, refusedStreams: 0, most: 0, held: [], streams: 0 };
  let seed = shard + 1;
  const chance = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const gate = new Int32Array(gateBuffer);
  Atomics.add(gate, 0, 1);
  Atomics.notify(gate, 0);
  for (let there; (there = Atomics.load(gate, 0)) < limits.shards; ) Atomics.wait(gate, 0, there);
  for (let round = 0; round < rounds; round++) {
    if (chance() < 0.5) {
      const row = budget.claim(shard);
      if (row < 0) report.refusedClaims++;
      else {
        report.claims++;
        if (Atomics.compareExchange(owners, row, 0, shard + 1) !== 0) report.doubled++;
        budget.setFile(row, 1000 + row, 4096 * (row + 1));
        report.held.push(row);
      }
      report.most = Math.max(report.most, budget.segments);
    } else if (report.held.length > 0) {
      const row = report.held.splice(Math.floor(chance() * report.held.length), 1)[0];
      budget.setFile(row, -1, 0);
      Atomics.store(owners, row, 0);
      budget.release(row);
    }
    if (chance() < 0.5) {
      if (budget.openStream(shard) === undefined) report.streams++;
      else report.refusedStreams++;
    } else if (report.streams > 0) {
      report.streams--;
      budget.closeStream(shard);
    }
  }
  parentPort.postMessage(report);
`;

describe('several threads at one budget', () => {
  let modules: ThreadModules;
  beforeAll(async () => {
    modules = await threadModules('budget', 'mpegts');
  });
  afterAll(() => modules.dispose());

  it('never get the same row, never go beyond the limit, and the totals come out exactly', async () => {
    const shards = 4;
    const budget = newBudget({ shards, streams: 12, segments: 32 });
    const owners = new SharedArrayBuffer(32 * 4);
    const gate = new SharedArrayBuffer(4);
    const shared = { limits: budget.limits, buffer: budget.buffer, owners, gate, rounds: 100_000 };
    const reports = await Promise.all(
      Array.from({ length: shards }, (_, shard) =>
        modules.run<ThreadReport>(`thread ${shard} to end`, CONTENDER, { ...shared, shard }),
      ),
    );
    const total = (field: 'claims' | 'refusedClaims' | 'refusedStreams' | 'doubled' | 'streams'): number =>
      reports.reduce((sum, report) => sum + report[field], 0);
    // Otherwise they were not in each other's way.
    expect([total('claims') > 10_000, total('refusedClaims') > 100, total('refusedStreams') > 100]).toEqual([
      true,
      true,
      true,
    ]);
    expect(total('doubled')).toBe(0);
    for (const { most } of reports) expect(most).toBeLessThanOrEqual(32);
    const held = reports.flatMap(report => report.held);
    expect(new Set(held).size).toBe(held.length);
    expect(budget.segments).toBe(held.length);
    expect(budget.streams).toBe(total('streams'));
    for (const [shard, report] of reports.entries()) {
      const expected = report.held.map(row => ({ fd: 1_000 + row, address: 4_096 * (row + 1) }));
      const byFd = (a: { fd: number }, b: { fd: number }): number => a.fd - b.fd;
      expect(reclaim(budget, shard).sort(byFd)).toEqual(expected.sort(byFd));
    }
    expect([budget.segments, budget.streams]).toEqual([0, 0]);
    expect(claim(budget, 0, 32)).toHaveLength(32);
    expect(budget.claim(1)).toBe(-1);
  });
});
