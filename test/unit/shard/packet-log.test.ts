import { describe, expect, it } from '@jest/globals';
import { Budget, SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import type { PacketLog } from '../../../workers/shard/packet-log.ts';
import { HeapSegments } from '../../../workers/shard/segments.ts';
import { newLog, segmentsOf } from '../support/logs.ts';
import { PACKET_BYTES } from '../support/ts.ts';

const FOREVER_MS = 1e12;

const PATTERN = Buffer.allocUnsafe(40 * SEGMENT_BYTES);
for (let at = 0; at < PATTERN.length; at++) PATTERN[at] = at ^ (at >>> 8) ^ (at >>> 16);

/** Bytes that tell where they belong. */
function pattern(from: number, length: number): Buffer {
  return PATTERN.subarray(from, from + length);
}

/** Appends `length` bytes of the pattern in runs of `run` bytes. */
function fill(log: PacketLog, length: number, nowMs: number, run = 700 * PACKET_BYTES): void {
  for (let left = length; left > 0; ) {
    const count = Math.min(run, left);
    log.append(pattern(log.end, count), nowMs);
    left -= count;
  }
}

const point = (offset: number) => ({ offset, tables: Buffer.from(`tables at ${offset}`) });

describe('a packet log', () => {
  it('is empty at first', () => {
    const log = newLog(1, FOREVER_MS);
    expect([log.start, log.end, log.allocatedBytes, log.ageMs(5), log.newestRandomAccess]).toEqual([
      0,
      0,
      0,
      0,
      undefined,
    ]);
  });

  it('keeps what was appended, over all borders of its segments', () => {
    const log = newLog(8 * SEGMENT_BYTES, FOREVER_MS);
    fill(log, 3 * SEGMENT_BYTES + 940, 0, 999 * PACKET_BYTES);
    expect([log.start, log.end]).toEqual([0, 3 * SEGMENT_BYTES + 940]);
    for (const [from, to] of [
      [0, 188],
      [SEGMENT_BYTES - 188, SEGMENT_BYTES + 188],
      [SEGMENT_BYTES, 2 * SEGMENT_BYTES],
      [5, 3 * SEGMENT_BYTES + 7],
      [188, 188],
    ] as const)
      expect(log.copy(from, to).equals(pattern(from, to - from))).toBe(true);
  });

  it('splits a run that is larger than several segments', () => {
    const log = newLog(8 * SEGMENT_BYTES, FOREVER_MS);
    log.append(pattern(0, 188), 0);
    log.append(pattern(188, 3 * SEGMENT_BYTES), 0);
    expect(log.end).toBe(3 * SEGMENT_BYTES + 188);
    expect(log.copy(0, log.end).equals(pattern(0, log.end))).toBe(true);
  });

  it('copies: neither the run nor the copy is shared with it', () => {
    const log = newLog(8 * SEGMENT_BYTES, FOREVER_MS);
    const run = Buffer.from(pattern(0, 188));
    log.append(run, 0);
    run.fill(0);
    const copy = log.copy(0, 188);
    expect(copy.equals(pattern(0, 188))).toBe(true);
    copy.fill(0);
    expect(log.copy(0, 188).equals(pattern(0, 188))).toBe(true);
  });

  it('finds the segment of any offset it holds, also after dropping some', () => {
    const log = newLog(3 * SEGMENT_BYTES, FOREVER_MS);
    fill(log, 7 * SEGMENT_BYTES + 188, 0);
    for (const offset of [log.start, log.start + 1, 6 * SEGMENT_BYTES - 1, 6 * SEGMENT_BYTES, log.end - 1]) {
      const segment = log.segmentAt(offset);
      expect(segment.base).toBe(Math.floor(offset / SEGMENT_BYTES) * SEGMENT_BYTES);
      expect(segment.buffer[offset - segment.base]).toBe(pattern(offset, 1)[0]);
    }
  });

  it.each([1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES])(
    'of %i bytes holds no more than that, rounded up to whole segments, and at least what is newest',
    maxBytes => {
      const most = Math.ceil(maxBytes / SEGMENT_BYTES) * SEGMENT_BYTES;
      const log = newLog(maxBytes, FOREVER_MS);
      for (let i = 0; i < 40; i++) {
        fill(log, 1000 * PACKET_BYTES, 0);
        expect(log.allocatedBytes).toBeLessThanOrEqual(most);
        expect(log.end - log.start).toBeLessThanOrEqual(most);
        expect(log.start % PACKET_BYTES).toBe(0);
        expect(log.copy(log.start, log.end).equals(pattern(log.start, log.end - log.start))).toBe(true);
      }
      expect(log.start).toBeGreaterThan(0);
    },
  );

  it('drops what is older than it may be when it needs room', () => {
    const log = newLog(100 * SEGMENT_BYTES, 10_000);
    fill(log, SEGMENT_BYTES, 0);
    fill(log, SEGMENT_BYTES, 5_000);
    fill(log, SEGMENT_BYTES, 10_000);
    fill(log, 188, 10_000);
    expect(log.start).toBe(0);
    fill(log, SEGMENT_BYTES, 10_001);
    expect(log.start).toBe(SEGMENT_BYTES);
    fill(log, SEGMENT_BYTES, 99_999);
    expect(log.start).toBe(4 * SEGMENT_BYTES);
    expect(log.copy(log.start, log.end).equals(pattern(log.start, log.end - log.start))).toBe(true);
  });

  it('is as old as the first byte of its oldest segment', () => {
    const log = newLog(2 * SEGMENT_BYTES, FOREVER_MS);
    fill(log, 188, 1_000);
    expect(log.ageMs(1_000)).toBe(0);
    fill(log, 188, 61_000);
    expect(log.ageMs(61_500)).toBe(60_500);
    fill(log, 2 * SEGMENT_BYTES, 70_000);
    expect(log.start).toBe(SEGMENT_BYTES);
    expect(log.ageMs(70_500)).toBe(500);
  });

  it('keeps the newest random-access point however old it is, as long as the bytes fit', () => {
    const log = newLog(100 * SEGMENT_BYTES, 1_000);
    fill(log, SEGMENT_BYTES + 376, 0);
    log.addRandomAccess(point(SEGMENT_BYTES + 188));
    for (let second = 1; second <= 20; second++) fill(log, SEGMENT_BYTES, second * 1_000);
    expect(log.start).toBe(SEGMENT_BYTES);
    expect(log.newestRandomAccess).toEqual(point(SEGMENT_BYTES + 188));
    log.addRandomAccess(point(log.end - 188));
    fill(log, SEGMENT_BYTES, 21_000);
    expect(log.start).toBeGreaterThanOrEqual(18 * SEGMENT_BYTES);
    expect(log.newestRandomAccess!.offset).toBeGreaterThan(20 * SEGMENT_BYTES);
  });

  it('forgets points whose bytes it no longer holds', () => {
    const log = newLog(2 * SEGMENT_BYTES, FOREVER_MS);
    fill(log, 188, 0);
    log.addRandomAccess(point(0));
    expect(log.newestRandomAccess).toEqual(point(0));
    fill(log, 3 * SEGMENT_BYTES, 0);
    expect(log.newestRandomAccess).toBeUndefined();
    log.addRandomAccess(point(3 * SEGMENT_BYTES));
    expect(log.newestRandomAccess).toEqual(point(3 * SEGMENT_BYTES));
  });

  it('offers the newest of several points', () => {
    const log = newLog(2 * SEGMENT_BYTES, FOREVER_MS);
    for (const offset of [0, 188, 376]) {
      log.addRandomAccess(point(offset));
      fill(log, 188, 0);
    }
    expect(log.newestRandomAccess).toEqual(point(376));
  });

  it('never changes bytes behind its end while it holds them', () => {
    const log = newLog(3 * SEGMENT_BYTES, FOREVER_MS);
    fill(log, SEGMENT_BYTES + 188, 0);
    for (let i = 0; i < 100; i++) {
      // What a reader sees in one turn of the loop is what the log says, whatever was recycled before.
      const held = log.segmentAt(log.start);
      const before = Buffer.from(held.buffer.subarray(0, held.filled));
      const { base } = held;
      fill(log, 300 * PACKET_BYTES, 0);
      if (log.start <= base) expect(held.buffer.subarray(0, before.length).equals(before)).toBe(true);
    }
    expect(log.start).toBeGreaterThan(0);
  });

  it('keeps what a reader who keeps up has still to get, however old, as long as the bytes fit', () => {
    let needed = 188;
    const log = newLog(10 * SEGMENT_BYTES, 1_000, segmentsOf(), () => needed);
    for (let second = 0; second < 10; second++) fill(log, SEGMENT_BYTES, second * 5_000);
    expect(log.start).toBe(0);
    needed = 5 * SEGMENT_BYTES;
    fill(log, 188, 50_000);
    expect(log.start).toBe(5 * SEGMENT_BYTES);
    needed = log.start;
    fill(log, 6 * SEGMENT_BYTES, 60_000);
    expect(log.start).toBe(7 * SEGMENT_BYTES);
  });

  it('makes do with the memory it has when the budget is used up', () => {
    const store = segmentsOf(3);
    const other = newLog(100 * SEGMENT_BYTES, 1e12, store);
    fill(other, SEGMENT_BYTES, 0);
    const log = newLog(100 * SEGMENT_BYTES, 1e12, store);
    fill(log, 7 * SEGMENT_BYTES, 0);
    expect([log.start, log.end]).toEqual([5 * SEGMENT_BYTES, 7 * SEGMENT_BYTES]);
    expect(log.copy(log.start, log.end).equals(pattern(log.start, log.end - log.start))).toBe(true);
    expect(other.copy(0, other.end).equals(pattern(0, other.end))).toBe(true);
  });

  it.each([
    ['its bytes', 3 * SEGMENT_BYTES, 1e12],
    ['its age', 100 * SEGMENT_BYTES, 0],
    ['the budget', 100 * SEGMENT_BYTES, 1e12],
  ])('has no gap where %s is used up and other logs take all that is given back', (_, maxBytes, maxAgeMs) => {
    const store = new HeapSegments(new Budget({ shards: 1, streams: 1, segments: 5 }), 0);
    const give = store.give.bind(store);
    store.give = segment => {
      give(segment);
      store.take();
    };
    const log = newLog(maxBytes, maxAgeMs, store);
    for (let second = 0; second < 20; second++)
      expect(log.append(pattern(log.end, SEGMENT_BYTES), second * 1_000)).toBe(SEGMENT_BYTES);
    expect(log.end).toBe(20 * SEGMENT_BYTES);
    expect(log.copy(log.start, log.end).equals(pattern(log.start, log.end - log.start))).toBe(true);
  });

  it('takes nothing, and says so, when there is no memory at all, and goes on when there is', () => {
    const store = segmentsOf(1);
    const other = newLog(SEGMENT_BYTES, 1e12, store);
    fill(other, 188, 0);
    const log = newLog(SEGMENT_BYTES, 1e12, store);
    expect(log.append(pattern(0, 376), 0)).toBe(0);
    expect(log.end).toBe(0);
    other.close();
    expect(log.append(pattern(0, 376), 0)).toBe(376);
    expect(log.copy(0, 376).equals(pattern(0, 376))).toBe(true);
  });

  it('shrinks to its share when memory is short, and gives everything back in the end', () => {
    const store = segmentsOf(16);
    const log = newLog(100 * SEGMENT_BYTES, 1e12, store);
    fill(log, 11 * SEGMENT_BYTES, 0);
    log.shrink();
    expect(log.allocatedBytes).toBe(11 * SEGMENT_BYTES);
    fill(log, 188, 0);
    log.shrink();
    expect(log.allocatedBytes).toBe(12 * SEGMENT_BYTES); // The share of the only stream.
    log.close();
    expect(log.allocatedBytes).toBe(0);
    const next = newLog(100 * SEGMENT_BYTES, 1e12, store);
    fill(next, 12 * SEGMENT_BYTES, 0);
    expect(next.allocatedBytes).toBe(12 * SEGMENT_BYTES);
  });

  it('uses the memory of what it dropped again', () => {
    const log = newLog(2 * SEGMENT_BYTES, FOREVER_MS);
    fill(log, 2 * SEGMENT_BYTES, 0);
    const first = log.segmentAt(0).buffer;
    fill(log, 188, 0);
    expect(log.segmentAt(2 * SEGMENT_BYTES).buffer).toBe(first);
  });
});
