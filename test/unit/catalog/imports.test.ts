import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import { type Database, DatabaseError, openDatabase } from '../../../src/catalog/database.ts';
import { databasePath } from '../../../src/catalog/database-path.ts';
import type { ImportAnswer, ImportRequest } from '../../../src/catalog/import-run.ts';
import type { ImportInput, ImportRun } from '../../../src/catalog/import-store.ts';
import { Imports } from '../../../src/catalog/imports.ts';
import { SluiceError } from '../../../src/shared/errors.ts';

const HOUR_MS = 3_600_000;

let folder: string;
let database: Database;
let imports: Imports;
let finished: ImportRun[];
let crashes: unknown[];
/** What the next jobs do. */
let answer: (request: ImportRequest, signal: AbortSignal | undefined) => Promise<ImportAnswer>;
let asked: ImportRequest[];

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] });
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-imports-'));
  database = openDatabase(path.join(folder, 'test.db'));
  finished = [];
  crashes = [];
  asked = [];
  answer = () => Promise.resolve({ state: 'unchanged' });
  imports = makeImports();
});

afterEach(async () => {
  await imports.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
  jest.useRealTimers();
});

function makeImports(): Imports {
  return new Imports({
    database,
    databasePath: path.join(folder, 'test.db'),
    jobs: {
      run: async <Answer>(_: string, request: object, { signal }: { signal?: AbortSignal }) => {
        asked.push(request as ImportRequest);
        return (await answer(request as ImportRequest, signal)) as Answer;
      },
    },
    events: new CatalogEvents(),
    observer: {
      importFinished: (_, run) => void finished.push(run),
      importCrashed: (_, cause) => void crashes.push(cause),
    },
    userAgent: 'test',
    folder,
  });
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return error instanceof SluiceError ? error.code : String(error);
  }
  return 'no error';
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve));
};

describe('imports', () => {
  it.each<[input: ImportInput, address: string, name: string]>([
    [{ url: 'http://tv.example/list.m3u#x' }, 'http://tv.example/…', 'tv.example'],
    [{ url: 'https://tv.example:8443' }, 'https://tv.example:8443/', 'tv.example:8443'],
    [{ url: 'lists/mine.m3u', name: 'Mine' }, 'mine.m3u', 'Mine'],
    [{ url: 'file:///srv/mine.m3u' }, 'mine.m3u', 'mine.m3u'],
    [
      { kind: 'xtream', url: 'http://tv.example/c/player_api.php?username=a&password=b' },
      'http://tv.example/…',
      'tv.example',
    ],
    [
      { kind: 'xtream', url: 'http://tv.example', username: 'a@b', password: 'p:w' },
      'http://tv.example/',
      'tv.example',
    ],
  ])('are added: %j', (input, address, name) => {
    const made = imports.create(input);
    expect(made).toMatchObject({ address, name, enabled: true, configured: false, intervalS: 86_400, lastRunAt: null });
    expect(imports.list()).toEqual([made]);
  });

  it.each<[input: ImportInput]>([
    [{ url: '' }],
    [{ url: 'ftp://tv.example/list' }],
    [{ url: 'http://' }],
    [{ url: 'a\nb' }],
    [{ url: 'http://tv.example/', intervalS: 5 }],
    [{ url: 'http://tv.example/', name: ' ' }],
    [{ kind: 'xtream', url: 'list.m3u' }],
    [{ kind: 'xtream', url: 'http://tv.example/', username: 'a' }],
  ])('are refused: %j', async input => {
    expect(await codeOf(() => imports.create(input))).toBe('catalog_invalid');
    expect(imports.list()).toEqual([]);
  });

  it('have addresses of their own', async () => {
    const { id } = imports.create({ url: 'http://tv.example/a' });
    imports.create({ url: 'http://tv.example/b' });
    expect(await codeOf(() => imports.create({ url: 'http://TV.example/a' }))).toBe('catalog_conflict');
    expect(await codeOf(() => imports.update(id, { url: 'http://tv.example/b' }))).toBe('catalog_conflict');
    expect(imports.update(id, { name: 'A', url: 'http://tv.example/a' }).name).toBe('A');
    expect(await codeOf(() => imports.get(99))).toBe('catalog_not_found');
    expect(await codeOf(() => imports.run(99))).toBe('catalog_not_found');
  });

  it('of the configuration follow it', async () => {
    imports.start(['http://a/', 'http://b/'], HOUR_MS);
    imports.start(['http://b/', 'http://c/'], 2 * HOUR_MS);
    expect(
      imports.list().map(({ name, enabled, configured, intervalS }) => [name, enabled, configured, intervalS]),
    ).toEqual([
      ['a', false, false, 3600],
      ['b', true, true, 7200],
      ['c', true, true, 7200],
    ]);
    const [, b] = imports.list();
    expect(await codeOf(() => imports.update(b!.id, { url: 'http://d/' }))).toBe('catalog_conflict');
    expect(await codeOf(() => imports.remove(b!.id))).toBe('catalog_conflict');
    imports.update(b!.id, { enabled: false });
    imports.start(['http://a/', 'http://b/'], HOUR_MS);
    expect(imports.list().map(({ enabled }) => enabled)).toEqual([true, false, false]);
  });
});

describe('the schedule of imports', () => {
  it('reads new ones soon, then every interval, later where it failed', async () => {
    imports.create({ url: 'http://a/', intervalS: 3600 });
    await jest.advanceTimersByTimeAsync(2_000);
    await settled();
    expect(finished).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(HOUR_MS * 0.99);
    expect(finished).toHaveLength(1);
    answer = () =>
      Promise.resolve({ state: 'failed', problem: { code: 'source_unavailable', message: 'It is down.' } });
    await jest.advanceTimersByTimeAsync(HOUR_MS * 0.12);
    await settled();
    expect(finished.at(-1)).toMatchObject({ state: 'failed', problem: 'It is down.' });
    // Again after a minute, two, four, …, and never later than after an interval.
    await jest.advanceTimersByTimeAsync(10 * 60_000);
    await settled();
    const soon = finished.length;
    expect(soon).toBeGreaterThan(3);
    expect(soon).toBeLessThan(8);
  });

  it('waits for the rest of the interval after a restart, and leaves disabled ones alone', async () => {
    const { id } = imports.create({ url: 'http://a/', intervalS: 3600 });
    imports.create({ url: 'http://b/', enabled: false });
    await imports.run(id);
    await jest.advanceTimersByTimeAsync(HOUR_MS / 2);
    await imports.close();
    imports = makeImports();
    imports.start([], HOUR_MS);
    await jest.advanceTimersByTimeAsync(HOUR_MS * 0.45);
    expect(asked).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(HOUR_MS * 0.1);
    expect(asked).toHaveLength(2);
  });
});

describe('a run', () => {
  it('is one for all who ask while it lasts', async () => {
    let finish!: (answer: ImportAnswer) => void;
    answer = () => new Promise(resolve => (finish = resolve));
    const { id } = imports.create({ url: 'http://a/', enabled: false });
    const [first, second] = [imports.run(id), imports.run(id)];
    await settled();
    expect(imports.runs(id, 5)).toMatchObject([{ state: 'running', finishedAt: null }]);
    finish({ state: 'unchanged' });
    expect(await first).toBe(await second);
    expect(imports.get(id).lastRunAt).not.toBeNull();
    expect(asked).toHaveLength(1);
  });

  it('that crashes is told, and fails', async () => {
    answer = () => Promise.reject(new Error('out of memory'));
    const { id } = imports.create({ url: 'http://a/', enabled: false });
    expect(await imports.run(id)).toMatchObject({
      state: 'failed',
      problem: expect.stringContaining('inside the gateway'),
    });
    expect(crashes).toHaveLength(1);
  });

  it('ends with the gateway, and none begins after', async () => {
    answer = (_, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    const { id } = imports.create({ url: 'http://a/', enabled: false });
    const run = imports.run(id);
    const preview = codeOf(() => imports.preview(id));
    await settled();
    await imports.close();
    expect(await run).toMatchObject({ state: 'failed', problem: 'The import was stopped.' });
    expect(await preview).toContain('aborted');
    expect(await codeOf(() => imports.run(id))).toBe('shutting_down');
    expect(crashes).toEqual([]);
  });

  it('that an earlier process did not finish has failed', () => {
    const { id } = imports.create({ url: 'http://a/', enabled: false });
    database.connection.exec("INSERT INTO import_runs (import_id, started_at, state) VALUES (1, 0, 'running')");
    imports.start([], HOUR_MS);
    expect(imports.runs(id, 5)).toMatchObject([{ state: 'failed', problem: expect.stringContaining('ended') }]);
  });

  it('is remembered among the latest hundred', async () => {
    const { id } = imports.create({ url: 'http://a/', enabled: false });
    for (let n = 0; n < 110; n++) await imports.run(id);
    expect(imports.runs(id, 1000)).toHaveLength(100);
  });
});

describe('the path of the database', () => {
  it.each([
    [undefined, '/data/sluice.db'],
    ['sqlite:////var/x.db', '/var/x.db'],
    ['sqlite:///x.db', path.resolve('x.db')],
    ['sqlite:///./data/x.db?mode=rw', path.resolve('data/x.db')],
    ['sqlite:/var/x.db', '/var/x.db'],
    ['sqlite:x.db', path.resolve('x.db')],
  ])('%s is %s', (url, expected) => {
    expect(databasePath(url, '/data')).toBe(expected);
  });

  it.each(['sqlite://', 'sqlite:///:memory:', 'sqlite::memory:'])('%s is refused', url => {
    expect(() => databasePath(url, '/data')).toThrow(DatabaseError);
  });
});
