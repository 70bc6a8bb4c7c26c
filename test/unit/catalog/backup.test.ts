import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backUp, restore, stampOf } from '../../../src/catalog/backup.ts';
import { openDatabase, openFile } from '../../../src/catalog/database.ts';
import { MIGRATIONS } from '../../../src/catalog/migrations.ts';

const NOW = new Date('2026-03-04T05:06:07.089Z');
let folder: string;
let live: string;
let copied: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-backup-'));
  live = path.join(folder, 'sluice.db');
  copied = path.join(folder, 'kept', 'copy.db');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Makes a database with these categories, or adds them. */
async function write(...names: string[]): Promise<void> {
  const database = openDatabase(live);
  for (const name of names)
    database.connection.prepare('INSERT INTO categories (name, position) VALUES (?, 0)').run(name);
  await database.close();
}

function categories(file: string): string[] {
  const connection = openFile(file);
  const names = connection.prepare('SELECT name FROM categories ORDER BY id').pluck().all() as string[];
  connection.close();
  return names;
}

describe('a backup', () => {
  it('holds what was committed while the database is open, and only its owner may read it', async () => {
    const database = openDatabase(live);
    database.connection.exec("INSERT INTO categories (name, position) VALUES ('News', 0)");
    backUp(live, copied);
    await database.close();
    expect(categories(copied)).toEqual(['News']);
    expect(statSync(copied).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(copied))).toEqual(['copy.db']);
  });

  it('never overwrites a file', async () => {
    await write('News');
    backUp(live, copied);
    const before = readFileSync(copied);
    expect(() => backUp(live, copied)).toThrow(/There is a file .*copy\.db already/);
    expect(readFileSync(copied).equals(before)).toBe(true);
  });

  it.each([
    ['is missing', () => {}, /there is no such file/],
    ['is no database', () => writeFileSync(live, 'x'.repeat(9_000)), /not a database/],
    ['is empty', () => writeFileSync(live, ''), /no database of this program/],
  ])('leaves nothing behind when the database %s', (_, prepare, message) => {
    prepare();
    expect(() => backUp(live, copied)).toThrow(message);
    expect(readdirSync(path.dirname(copied))).toEqual([]);
  });

  it('of a damaged database is refused', async () => {
    await write(...Array.from({ length: 500 }, (_, n) => `Category ${n}`));
    const bytes = readFileSync(live);
    bytes.fill(0xff, bytes.length - 4_096 * 8);
    writeFileSync(live, bytes);
    expect(() => backUp(live, copied)).toThrow();
    expect(existsSync(copied)).toBe(false);
  });
});

describe('restoring', () => {
  it('replaces the database, keeps the replaced one aside, and leaves the backup as it is', async () => {
    await write('News');
    backUp(live, copied);
    await write('Sports');
    const aside = restore(copied, live, NOW);
    expect(categories(live)).toEqual(['News']);
    expect(aside).toBe(`${live}.replaced-2026-03-04T050607Z`);
    expect(categories(aside!)).toEqual(['News', 'Sports']);
    expect(categories(copied)).toEqual(['News']);
    await write('Kids');
    expect(categories(live)).toEqual(['News', 'Kids']);
  });

  it('works where there is no database yet', async () => {
    await write('News');
    backUp(live, copied);
    rmSync(live);
    expect(restore(copied, live)).toBeUndefined();
    expect(categories(live)).toEqual(['News']);
  });

  it('works where the database is beyond reading, and keeps it', async () => {
    await write('News');
    backUp(live, copied);
    writeFileSync(live, 'garbage'.repeat(2_000));
    const aside = restore(copied, live, NOW);
    expect(readFileSync(aside!, 'utf8')).toMatch(/^garbage/);
    expect(categories(live)).toEqual(['News']);
  });

  it('is refused while the database is open, and possible as soon as it is not', async () => {
    await write('News');
    backUp(live, copied);
    const database = openDatabase(live);
    expect(() => restore(copied, live)).toThrow(/stop it first/);
    await database.close();
    expect(restore(copied, live)).toBeDefined();
  });

  it('refuses a backup of a newer version, and changes nothing', async () => {
    await write('News');
    backUp(live, copied);
    const connection = openFile(copied, { writable: true });
    connection.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    connection.close();
    const before = readdirSync(folder).sort();
    expect(() => restore(copied, live)).toThrow(/knows versions up to/);
    expect([categories(live), readdirSync(folder).sort()]).toEqual([['News'], before]);
  });

  it('refuses a damaged backup, and changes nothing', async () => {
    await write(...Array.from({ length: 500 }, (_, n) => `Category ${n}`));
    backUp(live, copied);
    const bytes = readFileSync(copied);
    bytes.fill(0xff, bytes.length - 4_096 * 8);
    writeFileSync(copied, bytes);
    expect(() => restore(copied, live)).toThrow();
    expect(categories(live)).toHaveLength(500);
  });
});

it('a database that one has alone is not opened by others', async () => {
  const database = openDatabase(live, { alone: true });
  expect(() => openDatabase(live)).toThrow(/another program/);
  await database.close();
  const first = openDatabase(live);
  const second = openDatabase(live);
  expect(() => openDatabase(live, { alone: true })).toThrow(/stop the gateway first/);
  await first.close();
  await second.close();
  await openDatabase(live, { alone: true }).close();
});

it('names files by a moment that sorts as text', () => {
  expect(stampOf(NOW)).toBe('2026-03-04T050607Z');
});
