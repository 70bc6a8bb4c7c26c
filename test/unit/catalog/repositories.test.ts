import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import { Categories } from '../../../src/catalog/categories.ts';
import type { SourceInput } from '../../../src/catalog/channel.ts';
import { Channels } from '../../../src/catalog/channels.ts';
import { type Database, openDatabase } from '../../../src/catalog/database.ts';
import { SluiceError } from '../../../src/shared/errors.ts';

const hash = (digit: string): string => digit.repeat(40);
const source = (digit: string): SourceInput => ({
  spec: { kind: 'engine', selector: { kind: 'content_id', value: hash(digit) }, options: {} },
});
const http = (url: string): SourceInput => ({ spec: { kind: 'http', url, headers: { Referer: 'http://r/' } } });

let folder: string;
let database: Database;
let events: CatalogEvents;
let categories: Categories;
let channels: Channels;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-catalog-'));
  database = openDatabase(path.join(folder, 'test.db'));
  events = new CatalogEvents();
  categories = new Categories(database, events);
  channels = new Channels(database, events);
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof SluiceError ? error.code : String(error);
  }
  return 'no error';
}

/** Makes a channel one that an import brought. */
function imported(id: number): number {
  const { lastInsertRowid } = database.connection
    .prepare("INSERT OR IGNORE INTO imports (kind, name, url, interval_s) VALUES ('m3u', 'list', 'http://list/', 60)")
    .run();
  const importId = Number(lastInsertRowid);
  database.connection
    .prepare('UPDATE channels SET import_id = ?, import_key = ? WHERE id = ?')
    .run(importId, `key ${id}`, id);
  database.connection.prepare('UPDATE sources SET import_id = ? WHERE channel_id = ?').run(importId, id);
  events.changed();
  return importId;
}

describe('categories', () => {
  it('are listed in the order in which they were made or moved', () => {
    const [a, b, c] = ['A', 'B', 'C'].map(name => categories.create({ name }).id);
    expect(categories.list()).toEqual([
      { id: a, name: 'A', position: 0 },
      { id: b, name: 'B', position: 1 },
      { id: c, name: 'C', position: 2 },
    ]);
    expect(categories.update(c!, { name: ' Sea ', position: 0 })).toEqual({ id: c, name: 'Sea', position: 0 });
    expect(categories.list().map(({ name }) => name)).toEqual(['Sea', 'A', 'B']);
  });

  it('refuse names that are taken, empty or of several lines', () => {
    const { id } = categories.create({ name: 'News' });
    expect(codeOf(() => categories.create({ name: 'News' }))).toBe('catalog_conflict');
    expect(codeOf(() => categories.create({ name: ' ' }))).toBe('catalog_invalid');
    expect(codeOf(() => categories.create({ name: 'a\nb' }))).toBe('catalog_invalid');
    expect(categories.update(id, { name: 'News' }).name).toBe('News');
    expect(codeOf(() => categories.update(99, { name: 'x' }))).toBe('catalog_not_found');
  });

  it('are removed when empty, or when it is said where their channels go', () => {
    const news = categories.create({ name: 'News' }).id;
    const channel = channels.create({ name: 'One', categoryId: news });
    expect(codeOf(() => categories.remove(news))).toBe('category_in_use');
    expect(codeOf(() => categories.remove(news, news))).toBe('catalog_invalid');
    expect(categories.counts().get(news)).toEqual({ enabled: 1, total: 1 });
    categories.remove(news, categories.uncategorized());
    expect(channels.get(channel.id)).toMatchObject({ categoryId: categories.uncategorized(), version: 2 });
    expect(categories.list().map(({ name }) => name)).toEqual(['Uncategorized']);
  });
});

describe('channels', () => {
  it('are kept with all they have, and read once until something changes', () => {
    const created = channels.create({
      name: ' One ',
      number: 7,
      logoUrl: 'http://l/1.png',
      sources: [source('a'), http('http://tv/')],
    });
    expect(created).toMatchObject({
      name: 'One',
      number: 7,
      categoryId: categories.uncategorized(),
      logoUrl: 'http://l/1.png',
      guideId: null,
      enabled: true,
      missing: false,
      importId: null,
      edited: [],
      version: 1,
    });
    expect(created.sources.map(({ rank, enabled, spec }) => ({ rank, enabled, spec }))).toEqual([
      { rank: 0, enabled: true, ...source('a') },
      { rank: 1, enabled: true, ...http('http://tv/') },
    ]);
    expect(channels.get(created.id)).toBe(created);
    channels.create({ name: 'Two' });
    expect(channels.get(created.id)).not.toBe(created);
    expect(channels.get(created.id)).toEqual(created);
    expect(channels.get(99)).toBeUndefined();
  });

  it('never give an id to another channel', () => {
    const { id } = channels.create({ name: 'One' });
    channels.remove(id);
    expect(channels.create({ name: 'Two' }).id).toBeGreaterThan(id);
    expect(codeOf(() => channels.remove(id))).toBe('catalog_not_found');
  });

  it('note what was changed by hand, and count versions', () => {
    const { id } = channels.create({ name: 'One', guideId: 'one.tv' });
    const changed = channels.update(id, { name: 'First', guideId: null }, 1);
    expect(changed).toMatchObject({ name: 'First', guideId: null, edited: ['name', 'guide_id'], version: 2 });
    expect(channels.update(id, { name: 'Uno', enabled: false }, 2).edited).toEqual(['name', 'guide_id', 'enabled']);
    expect(codeOf(() => channels.update(id, { name: 'x' }, 2))).toBe('version_conflict');
    expect(codeOf(() => channels.remove(id, 2))).toBe('version_conflict');
    expect(codeOf(() => channels.setSources(id, [], 2))).toBe('version_conflict');
  });

  it.each([
    [{ name: '' }],
    [{ number: 1.5 }],
    [{ number: -1 }],
    [{ categoryId: 99 }],
    [{ logoUrl: 'javascript:alert(1)' }],
    [{ guideId: 'a\nb' }],
  ])('refuse %j and stay as they are', change => {
    const before = channels.create({ name: 'One' });
    expect(codeOf(() => channels.update(before.id, change))).toBe('catalog_invalid');
    expect(channels.get(before.id)).toEqual(before);
  });

  it('are paged, searched and filtered in order of position', () => {
    const news = categories.create({ name: 'News' }).id;
    for (let n = 0; n < 25; n++) channels.create({ name: `Channel ${n}`, ...(n % 5 === 0 && { categoryId: news }) });
    channels.create({ name: '100% Music_1', enabled: false });
    const names = (filter: Parameters<Channels['page']>[0]) => channels.page(filter).items.map(({ name }) => name);
    expect(channels.page({ offset: 0, limit: 2 })).toMatchObject({
      total: 26,
      items: [{ name: 'Channel 0' }, { name: 'Channel 1' }],
    });
    expect(names({ offset: 24, limit: 10 })).toEqual(['Channel 24', '100% Music_1']);
    expect(names({ search: '100%', offset: 0, limit: 5 })).toEqual(['100% Music_1']);
    expect(names({ search: 'c_1', offset: 0, limit: 5 })).toEqual(['100% Music_1']);
    expect(names({ search: 'CHANNEL 2', categoryId: news, offset: 0, limit: 5 })).toEqual(['Channel 20']);
    expect(names({ enabled: false, offset: 0, limit: 5 })).toEqual(['100% Music_1']);
    expect([...channels.each({ categoryId: news })].map(({ name }) => name)).toEqual(
      [0, 5, 10, 15, 20].map(n => `Channel ${n}`),
    );
  });

  it('are all passed by, however many there are', () => {
    const insert = database.connection.prepare(
      "INSERT INTO channels (name, category_id, position, added_at, updated_at) VALUES ('x', ?, ?, 0, 0)",
    );
    const category = categories.uncategorized();
    for (let n = 0; n < 2500; n++) insert.run(category, Math.floor(n / 3));
    expect(new Set([...channels.each()].map(({ id }) => id)).size).toBe(2500);
  });

  it('move to any place, however often', () => {
    const ids = Array.from({ length: 6 }, (_, n) => channels.create({ name: `${n}` }).id);
    const order = () =>
      channels
        .page({ offset: 0, limit: 10 })
        .items.map(({ name }) => name)
        .join('');
    channels.move(ids[5]!, 0);
    expect(order()).toBe('501234');
    channels.move(ids[5]!, 2);
    expect(order()).toBe('015234');
    channels.move(ids[0]!, 99);
    expect(order()).toBe('152340');
    for (let n = 0; n < 50; n++) channels.move(ids[[1, 2][n % 2]!]!, 3);
    expect(order()).toBe('531240');
    expect(channels.get(ids[0]!)?.edited).toEqual(['position']);
    expect(codeOf(() => channels.move(ids[0]!, -1))).toBe('catalog_invalid');
  });

  it('change in bulk, all or none', () => {
    const ids = Array.from({ length: 4 }, (_, n) => channels.create({ name: `${n}` }).id);
    const news = categories.create({ name: 'News' }).id;
    expect(channels.bulk(ids.slice(1), { enabled: false })).toBe(3);
    expect(channels.bulk(ids, { categoryId: news })).toBe(4);
    expect(channels.get(ids[1]!)).toMatchObject({
      enabled: false,
      categoryId: news,
      edited: ['enabled', 'category_id'],
      version: 3,
    });
    expect(codeOf(() => channels.bulk(ids, { categoryId: 99 }))).toBe('catalog_invalid');
    expect(channels.bulk([ids[0]!, 99], { delete: true })).toBe(1);
    expect(channels.page({ offset: 0, limit: 9 }).total).toBe(3);
  });
});

describe('sources', () => {
  it('are set in order and keep their ids', () => {
    const { id, sources } = channels.create({ name: 'One', sources: [source('a'), source('b')] });
    const changed = channels.setSources(id, [source('c'), { ...source('b'), enabled: false }, source('a')]);
    expect(changed.sources.map(({ rank, enabled, spec }) => [rank, enabled, spec])).toEqual([
      [0, true, source('c').spec],
      [1, false, source('b').spec],
      [2, true, source('a').spec],
    ]);
    expect(changed.sources[2]!.id).toBe(sources[0]!.id);
    expect(changed.edited).toEqual(['sources']);
    expect(codeOf(() => channels.setSources(id, [source('a'), source('a')]))).toBe('catalog_invalid');
    expect(channels.get(id)).toEqual(changed);
  });

  it('added by hand leave those of an import to it, and removing one of those takes them over', () => {
    const { id } = channels.create({ name: 'One', sources: [source('a'), source('b')] });
    const importId = imported(id);
    const added = channels.addSource(id, source('c'));
    expect(added.edited).toEqual([]);
    expect(added.sources.map(source => source.importId)).toEqual([importId, importId, null]);
    expect(codeOf(() => channels.addSource(id, source('c')))).toBe('catalog_conflict');
    expect(channels.removeSource(id, added.sources[2]!.id).edited).toEqual([]);
    expect(channels.removeSource(id, added.sources[0]!.id).edited).toEqual(['sources']);
    expect(codeOf(() => channels.removeSource(id, 99))).toBe('catalog_not_found');
  });

  it('are counted', () => {
    const many = Array.from({ length: 33 }, (_, n) => http(`http://tv/${n}`));
    const { id } = channels.create({ name: 'One', sources: many.slice(1) });
    expect(codeOf(() => channels.addSource(id, many[0]!))).toBe('catalog_invalid');
    expect(codeOf(() => channels.setSources(id, many))).toBe('catalog_invalid');
  });
});

describe('an imported channel', () => {
  it('that is deleted by hand is remembered, so that it stays away', () => {
    const { id } = channels.create({ name: 'One' });
    const importId = imported(id);
    channels.remove(id);
    expect(database.connection.prepare('SELECT * FROM import_omissions').all()).toEqual([
      { import_id: importId, import_key: `key ${id}` },
    ]);
  });

  it('is missing when its import disabled it, and not when somebody did', () => {
    const [gone, off] = [channels.create({ name: 'gone' }).id, channels.create({ name: 'off' }).id];
    imported(gone);
    imported(off);
    database.connection.prepare('UPDATE channels SET enabled = 0 WHERE id = ?').run(gone);
    channels.update(off, { enabled: false });
    expect([channels.get(gone)!.missing, channels.get(off)!.missing]).toEqual([true, false]);
  });
});

describe('the events of the catalogue', () => {
  it('come once for each change, and for none that failed', () => {
    const heard: number[] = [];
    const stop = events.onChanged(() => void heard.push(events.revision));
    const { id } = channels.create({ name: 'One' });
    channels.update(id, { number: 3 });
    codeOf(() => channels.update(id, { name: '' }));
    expect(heard).toEqual([2, 3]);
    stop();
    channels.remove(id);
    expect(heard).toHaveLength(2);
    expect(events.revision).toBe(4);
  });
});
