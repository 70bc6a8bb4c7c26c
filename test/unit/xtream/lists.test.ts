import { gunzipSync } from 'node:zlib';
import { describe, expect, it, jest } from '@jest/globals';
import { LIST_FORMS, type ListKind, type WrittenList } from '../../../src/xtream/list-kinds.ts';
import { encodedBody, Lists } from '../../../src/xtream/lists.ts';
import { RowTableWriter } from '../../../src/xtream/row-table.ts';

/** A list of `rows` rows in categories 1 and 2 in turn. */
function written(kind: ListKind, rows: number): WrittenList {
  const writer = new RowTableWriter(LIST_FORMS[kind]);
  for (let id = 1; id <= rows; id++) writer.add(JSON.stringify(`row ${id}`), id, 1 + ((id + 1) % 2));
  return { table: writer.finish(), gzip: null };
}

/** Lists whose writing is finished by hand. */
function rig(options: { maxSelectionBytes?: number } = {}) {
  const jobs: { kind: ListKind; finish: (rows: number) => void; fail: (error: Error) => void }[] = [];
  const failures: unknown[] = [];
  const lists = new Lists({
    write: kind =>
      new Promise((resolve, reject) => {
        jobs.push({ kind, finish: rows => resolve(written(kind, rows)), fail: reject });
      }),
    onFailure: (_, error) => void failures.push(error),
    quietMs: 10,
    ...options,
  });
  const rows = async (categories: ReadonlySet<number> | null = null): Promise<number> =>
    (JSON.parse(Buffer.from((await lists.select('live', { categories })).plain).toString()) as string[]).length;
  return { lists, jobs, failures, rows };
}

describe('the lists', () => {
  it('are written once for all who ask at the same time', async () => {
    const { jobs, rows } = rig();
    const asked = [rows(), rows(), rows(new Set([1]))];
    expect(jobs).toHaveLength(1);
    jobs[0]!.finish(4);
    expect(await Promise.all(asked)).toEqual([4, 4, 2]);
    expect(await rows()).toBe(4);
    expect(jobs).toHaveLength(1);
  });

  it('are never older than the catalogue was when somebody asked', async () => {
    const { lists, jobs, rows } = rig();
    const before = rows();
    lists.changed(); // While the list is being written: the job may have read too early.
    const after = rows();
    jobs[0]!.finish(1);
    expect(await before).toBe(1);
    jobs[1]!.finish(2);
    expect(await after).toBe(2);
    lists.close();
  });

  it('are written ahead after a change, once it is quiet', async () => {
    jest.useFakeTimers();
    try {
      const { lists, jobs } = rig();
      lists.changed();
      jest.advanceTimersByTime(9);
      lists.changed();
      jest.advanceTimersByTime(9);
      expect(jobs).toHaveLength(0);
      jest.advanceTimersByTime(1);
      expect(jobs.map(({ kind }) => kind)).toEqual(['live', 'playlist']);
      lists.changed();
      lists.close();
      jest.advanceTimersByTime(100);
      expect(jobs).toHaveLength(2);
    } finally {
      jest.useRealTimers();
    }
  });

  it('are tried again by the next who asks after writing failed', async () => {
    const { lists, jobs, failures, rows } = rig();
    const first = rows();
    lists.warm();
    jobs[0]!.fail(new Error('disk full'));
    await expect(first).rejects.toThrow('disk full');
    expect(failures).toEqual([new Error('disk full')]);
    const second = rows();
    jobs.findLast(({ kind }) => kind === 'live')!.finish(3);
    expect(await second).toBe(3);
  });

  it('share what was cut for one account with others that see the same', async () => {
    const { lists, jobs } = rig();
    const pending = lists.select('live', { categories: new Set([1, 2]) });
    jobs[0]!.finish(10);
    const cut = await pending;
    expect(await lists.select('live', { categories: new Set([2, 1]) })).toBe(cut);
    expect(await lists.select('live', { categories: new Set([1]) })).not.toBe(cut);
    const page = await lists.select('live', { categories: null, offset: 2, limit: 3 });
    expect(JSON.parse(Buffer.from(page.plain).toString())).toEqual(['row 3', 'row 4', 'row 5']);
  });

  it('forget the selections that nobody asked for lately when they hold too much', async () => {
    const { lists, jobs } = rig({ maxSelectionBytes: 200 });
    const pending = lists.select('live', { categories: new Set([1]) });
    jobs[0]!.finish(20); // Each half is about a hundred bytes.
    const first = await pending;
    await lists.select('live', { categories: new Set([2]) });
    const again = await lists.select('live', { categories: new Set([1]) });
    expect(again === first).toBe(first.plain.length <= 100);
    await lists.select('live', { categories: null });
    expect(await lists.select('live', { categories: new Set([1]) })).not.toBe(again);
  });
});

describe('a body in two encodings', () => {
  it('is compressed once, and not at all when it is small', async () => {
    const plain = Buffer.from('abc'.repeat(1000));
    const body = encodedBody(plain);
    const [one, other] = await Promise.all([body.gzip()!, body.gzip()!]);
    expect(one).toBe(other);
    expect(gunzipSync(one)).toEqual(plain);
    expect(encodedBody(Buffer.from('abc')).gzip()).toBeUndefined();
  });
});
