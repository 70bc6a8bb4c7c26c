import { Worker } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { ReaderTable, SHARD_COUNTERS, ShardCounters } from '../../../src/shared/reader-table.ts';
import { within } from '../support/waiting.ts';

/** A thread that doubles every number in a shared buffer. */
async function doubleInThread(buffer: SharedArrayBuffer): Promise<void> {
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     const cells = new Float64Array(workerData);
     for (let i = 0; i < cells.length; i++) cells[i] *= 2;`,
    { eval: true, workerData: buffer },
  );
  await within(
    'the thread ends',
    new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    }),
  );
}

describe('the reader table', () => {
  it('begins with zeroes and has room for what was asked for', () => {
    const table = new ReaderTable(3);
    expect(table.capacity).toBe(3);
    expect([table.bytes(2), table.headBytes(2), table.skips(2), table.lagBytes(2)]).toEqual([0, 0, 0, 0]);
  });

  it('keeps every field of every row apart', () => {
    const table = new ReaderTable(3);
    for (const slot of [0, 1, 2]) {
      table.addBytes(slot, 10 + slot);
      table.addBytes(slot, 100);
      table.setHeadBytes(slot, 20 + slot);
      for (let i = 0; i <= slot; i++) table.addSkip(slot);
      table.setLagBytes(slot, 40 + slot);
    }
    expect(
      [0, 1, 2].map(slot => [table.bytes(slot), table.headBytes(slot), table.skips(slot), table.lagBytes(slot)]),
    ).toEqual([
      [110, 20, 1, 40],
      [111, 21, 2, 41],
      [112, 22, 3, 42],
    ]);
  });

  it('clears one row and leaves its neighbours', () => {
    const table = new ReaderTable(3);
    for (const slot of [0, 1, 2]) {
      table.setBytes(slot, 7);
      table.setHeadBytes(slot, 7);
      table.addSkip(slot);
      table.setLagBytes(slot, 7);
    }
    table.clear(1);
    expect([table.bytes(1), table.headBytes(1), table.skips(1), table.lagBytes(1)]).toEqual([0, 0, 0, 0]);
    expect([table.bytes(0), table.lagBytes(0), table.bytes(2), table.headBytes(2)]).toEqual([7, 7, 7, 7]);
  });

  it('counts past 32 bits exactly', () => {
    const table = new ReaderTable(1);
    table.setBytes(0, 2 ** 40);
    table.addBytes(0, 1);
    expect(table.bytes(0)).toBe(2 ** 40 + 1);
  });

  it('is the same table for whoever gets its buffer', () => {
    const mine = new ReaderTable(2);
    const theirs = new ReaderTable(mine.buffer);
    expect(theirs.capacity).toBe(2);
    theirs.addBytes(1, 5);
    mine.addBytes(1, 6);
    expect([mine.bytes(1), theirs.bytes(1)]).toEqual([11, 11]);
  });

  it('shows what another thread wrote', async () => {
    const table = new ReaderTable(2);
    table.setBytes(1, 21);
    table.setLagBytes(0, 4);
    await doubleInThread(table.buffer);
    expect([table.bytes(1), table.lagBytes(0)]).toEqual([42, 8]);
  });
});

describe("a shard's counters", () => {
  it('count apart from each other', () => {
    const counters = new ShardCounters();
    SHARD_COUNTERS.forEach((name, i) => {
      counters.add(name, i);
      counters.add(name, 0.5);
    });
    expect(SHARD_COUNTERS.map(name => counters.get(name))).toEqual(SHARD_COUNTERS.map((_, i) => i + 0.5));
  });

  it('go on counting in a successor that gets the buffer, and in other threads', async () => {
    const first = new ShardCounters();
    first.add('bytesOut', 3);
    const second = new ShardCounters(first.buffer);
    second.add('bytesOut', 4);
    await doubleInThread(first.buffer);
    expect(first.get('bytesOut')).toBe(14);
  });
});
