import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type * as Libc from '../../../src/native/libc.ts';
import { Budget, SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import type * as FileSegmentsModule from '../../../workers/shard/file-segments.ts';
import type { SegmentMemory, SegmentStore } from '../../../workers/shard/segments.ts';
import { memoryFileCounts } from '../../helpers/memory-files.ts';
import type * as Support from '../support/connections.ts';
import { openDescriptors, spareDescriptors, withDescriptorLimit } from '../support/descriptors.ts';
import { newLog } from '../support/logs.ts';
import { until } from '../support/waiting.ts';

const ON_LINUX = process.platform === 'linux';
/** Memory files exist on Linux only; elsewhere not even loading them works. */
const { freeMemoryFile, sendFileNow } = ON_LINUX ? await import('../../../src/native/libc.ts') : ({} as typeof Libc);
const { FileSegments } = ON_LINUX
  ? await import('../../../workers/shard/file-segments.ts')
  : ({} as typeof FileSegmentsModule);
const { Connections } = ON_LINUX ? await import('../support/connections.ts') : ({} as typeof Support);
const describeOnLinux = ON_LINUX ? describe : describe.skip;

const SHARD = 1;
let budget: Budget;
let store: SegmentStore;

beforeEach(() => {
  if (!ON_LINUX) return;
  budget = new Budget({ shards: 2, streams: 10, segments: 100 });
  store = new FileSegments(budget, SHARD);
});

afterEach(() => {
  if (!ON_LINUX) return;
  // Whatever a test took and did not give back, as the front does for a dead shard.
  budget.reclaim(SHARD, file => freeMemoryFile(file, SEGMENT_BYTES));
  expect([budget.segments, ...memoryFileCounts()]).toEqual([0, 0, 0]);
});

const take = (count: number): SegmentMemory[] => Array.from({ length: count }, () => store.take()!);
const inFiles = (segments: SegmentMemory[]): number => segments.filter(({ fd }) => fd >= 0).length;

/** Takes segments while no further descriptor can be opened. */
const takeWithoutDescriptors = (count: number): SegmentMemory[] =>
  withDescriptorLimit(0, () => {
    expect(spareDescriptors(1)).toBe(0);
    return take(count);
  });

describeOnLinux('segments in memory files', () => {
  it('are a file, a mapping and a row of the budget each, and give all three back', () => {
    const segments = take(3);
    expect([inFiles(segments), budget.segments, ...memoryFileCounts()]).toEqual([3, 3, 3, 3]);
    expect(new Set(segments.map(({ row }) => row)).size).toBe(3);
    for (const { buffer } of segments) expect(buffer.length).toBe(SEGMENT_BYTES);
    store.give(segments[1]!);
    expect([budget.segments, ...memoryFileCounts()]).toEqual([2, 2, 2]);
    for (const segment of [segments[0]!, segments[2]!]) store.give(segment);
    expect([budget.segments, ...memoryFileCounts()]).toEqual([0, 0, 0]);
  });

  it('end where the budget does', () => {
    const segments = take(100);
    expect([inFiles(segments), store.take(), memoryFileCounts()[0]]).toEqual([100, undefined, 100]);
    store.give(segments[0]!);
    expect(store.take()?.fd).toBeGreaterThanOrEqual(0);
  });

  it('can be given back by the front when their thread is dead, each file once', () => {
    const [given, renewed] = take(3) as [SegmentMemory, SegmentMemory];
    store.give(given);
    store.renew(renewed);
    const files: { fd: number; address: number }[] = [];
    budget.reclaim(SHARD, file => files.push(file));
    expect([files.length, new Set(files.map(({ fd }) => fd)).size, ...memoryFileCounts()]).toEqual([2, 2, 2, 2]);
    for (const file of files) freeMemoryFile(file, SEGMENT_BYTES);
    expect(memoryFileCounts()).toEqual([0, 0]);
  });

  it('are renewed in place: another file, the same row', () => {
    const [old] = take(1) as [SegmentMemory];
    old.buffer.fill(1);
    const renewed = store.renew(old);
    expect([renewed.row, renewed.buffer === old.buffer, renewed.buffer[0], budget.segments]).toEqual([
      old.row,
      false,
      0,
      1,
    ]);
    expect(memoryFileCounts()).toEqual([1, 1]);
  });

  it('serve a packet log, and all of them come back when it closes', () => {
    const log = newLog(5 * SEGMENT_BYTES, 1e12, store);
    const bytes = randomBytes(SEGMENT_BYTES);
    for (let i = 0; i < 12; i++) log.append(bytes, i);
    expect([log.end - log.start, budget.segments, ...memoryFileCounts()]).toEqual([5 * SEGMENT_BYTES, 5, 5, 5]);
    expect(log.copy(log.end - SEGMENT_BYTES, log.end).equals(bytes)).toBe(true);
    log.close();
    expect([budget.segments, ...memoryFileCounts()]).toEqual([0, 0, 0]);
  });
});

describeOnLinux('where memory files can’t be made', () => {
  it('segments are on the heap, are counted all the same, and files are used again once that works', () => {
    const [onHeap, second] = takeWithoutDescriptors(2) as [SegmentMemory, SegmentMemory];
    expect([onHeap.fd, second.fd, onHeap.buffer.length, budget.segments]).toEqual([-1, -1, SEGMENT_BYTES, 2]);
    expect(memoryFileCounts()).toEqual([0, 0]);
    const renewed = store.renew(onHeap);
    expect([renewed.fd >= 0, renewed.row, budget.segments]).toEqual([true, onHeap.row, 2]);
    store.give(second);
    const [next] = take(1) as [SegmentMemory];
    expect([next.fd >= 0, budget.segments]).toEqual([true, 2]);
    expect(withDescriptorLimit(0, () => store.renew(next))).toMatchObject({ fd: -1, row: next.row });
    expect([budget.segments, ...memoryFileCounts()]).toEqual([2, 1, 1]);
  });

  it('a packet log goes on over both kinds', () => {
    const log = newLog(8 * SEGMENT_BYTES, 1e12, store);
    const bytes = randomBytes(8 * SEGMENT_BYTES);
    const append = (from: number, to: number): number =>
      log.append(bytes.subarray(from * SEGMENT_BYTES, to * SEGMENT_BYTES), 0);
    append(0, 3);
    expect(withDescriptorLimit(0, () => append(3, 6))).toBe(3 * SEGMENT_BYTES);
    append(6, 8);
    expect([budget.segments, ...memoryFileCounts()]).toEqual([8, 5, 5]);
    expect(log.copy(0, log.end).equals(bytes)).toBe(true);
    log.close();
    expect([budget.segments, ...memoryFileCounts()]).toEqual([0, 0, 0]);
  });

  it('or would take more than half of the descriptors, the rest stays free for viewers', () => {
    const limit = 2 * (openDescriptors() + 20);
    const many = limit; // More than there are descriptors.
    budget = new Budget({ shards: 2, streams: 1, segments: many });
    withDescriptorLimit(limit, () => {
      store = new FileSegments(budget, SHARD); // Learns of the limit.
      const segments = take(many);
      expect([budget.segments, inFiles(segments)]).toEqual([many, memoryFileCounts()[0]]);
      expect(inFiles(segments)).toBeGreaterThanOrEqual(15);
      expect(Math.max(...segments.map(({ fd }) => fd))).toBeLessThanOrEqual(limit / 2);
      expect(spareDescriptors(limit)).toBeGreaterThan(15);
    });
  });
});

describeOnLinux('memory that sockets refer to', () => {
  it('is never a segment again, however many are given and taken meanwhile', async () => {
    const connections = new Connections();
    await connections.listen();
    const { fd, viewer } = await connections.pair({ reading: false });
    const sent: Buffer[] = [];
    let length = 0;
    for (let taken = SEGMENT_BYTES; taken === SEGMENT_BYTES; length += taken) {
      const [segment] = take(1) as [SegmentMemory];
      const bytes = randomBytes(SEGMENT_BYTES);
      bytes.copy(segment.buffer);
      taken = sendFileNow(fd, segment.fd, 0, SEGMENT_BYTES);
      sent.push(bytes.subarray(0, taken));
      // By turns given back and renewed, as logs do; what comes next is filled with something else.
      const next = sent.length % 2 === 0 ? store.renew(segment) : undefined;
      if (next === undefined) store.give(segment);
      for (const other of [...(next === undefined ? [] : [next]), ...take(5)]) {
        other.buffer.fill(0xee);
        store.give(other);
      }
    }
    expect(length).toBeGreaterThan(2 << 20);
    expect([budget.segments, ...memoryFileCounts()]).toEqual([0, 0, 0]);
    const parts: Buffer[] = [];
    let arrived = 0;
    viewer.on('data', data => {
      parts.push(data);
      arrived += data.length;
    });
    viewer.resume();
    await until('what was sent arrives', () => arrived === length || `${arrived} of ${length}`);
    expect(Buffer.concat(parts).equals(Buffer.concat(sent))).toBe(true);
    await connections.close();
  });
});
