import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcryptjs';
import fc from 'fast-check';
import { accountOf } from '../../../src/accounts/account.ts';
import { Passwords } from '../../../src/accounts/passwords.ts';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import type { Channel } from '../../../src/catalog/channel.ts';
import { Channels } from '../../../src/catalog/channels.ts';
import { openDatabase } from '../../../src/catalog/database.ts';
import type { Row } from '../../../src/catalog/tables.ts';
import { LEGACY_TABLES } from '../../../src/legacy/legacy-database.ts';
import { ConflictError, moveIn, rehearse } from '../../../src/legacy/move-in.ts';
import type { Report } from '../../../src/legacy/report.ts';
import { buildLegacy, type LegacyFixture, type LegacyValue } from '../support/legacy.ts';

const HASH = bcrypt.hashSync('secret', 4);
const CONTENT = 'a1'.repeat(20);

const FULL: LegacyFixture = {
  categories: [
    { id: 3, name: 'Sports' },
    { id: 1, name: 'News' },
  ],
  channels: [
    {
      id: 7,
      name: 'Seven',
      acestream_id: CONTENT,
      stream_url: 'http://tv.example/7.ts',
      category_id: 3,
      logo_url: 'http://tv.example/7.png',
      epg_id: 'seven.tv',
      is_active: 1,
      display_order: 2,
    },
    {
      id: 9,
      name: 'Nine',
      acestream_id: null,
      stream_url: `acestream://${CONTENT}`,
      category_id: 1,
      logo_url: null,
      epg_id: '',
      is_active: 0,
      display_order: 1,
    },
  ],
  users: [
    {
      id: 1,
      username: 'root',
      password_hash: HASH,
      is_active: 1,
      is_admin: 1,
      is_trial: 0,
      max_connections: 1,
      allowed_output_formats: '["ts"]',
      expiry_date: null,
      notes: null,
    },
    {
      id: 2,
      username: 'ann',
      password_hash: HASH,
      is_active: 1,
      is_admin: 0,
      is_trial: 1,
      max_connections: 3,
      allowed_output_formats: '["m3u8","ts"]',
      expiry_date: '2099-01-01 00:00:00',
      notes: 'pays',
    },
    {
      id: 3,
      username: 'bob',
      password_hash: HASH,
      is_active: 0,
      is_admin: 0,
      is_trial: 0,
      max_connections: null,
      allowed_output_formats: 'not json [',
      expiry_date: 4070908800,
      notes: '',
    },
  ],
  scraper_urls: [{ id: 1, url: 'http://lists.example/all.m3u', name: 'All', is_enabled: 1 }],
  epg_sources: [{ id: 1, url: 'http://guide.example/xmltv.xml.gz', name: null, is_enabled: 1 }],
};

let folder: string;
let old: string;
let live: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-legacy-'));
  old = path.join(folder, 'old.db');
  live = path.join(folder, 'sluice.db');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Everything in the new database that a move writes. */
async function contents(): Promise<{
  channels: Channel[];
  accounts: Row<'accounts'>[];
  lists: unknown[];
  guides: unknown[];
  categories: string[];
}> {
  const database = openDatabase(live);
  const { connection } = database;
  const found = {
    channels: new Channels(database, new CatalogEvents()).page({ offset: 0, limit: 10_000 }).items,
    accounts: connection.prepare('SELECT * FROM accounts ORDER BY id').all() as Row<'accounts'>[],
    lists: connection.prepare('SELECT name, url, kind, enabled FROM imports ORDER BY id').all(),
    guides: connection.prepare('SELECT name, url, enabled FROM guide_sources ORDER BY id').all(),
    categories: connection.prepare('SELECT name FROM categories ORDER BY position').pluck().all() as string[],
  };
  await database.close();
  return found;
}

const remarks = (report: Report): string[] => report.remarks.map(({ table, row, text }) => `${table} ${row}: ${text}`);

describe('moving in', () => {
  it('keeps ids, order, categories and addresses of channels', async () => {
    buildLegacy(old, FULL);
    await moveIn(old, live);
    const { channels, categories } = await contents();
    expect(categories).toEqual(['News', 'Sports']);
    const content = { kind: 'engine', selector: { kind: 'content_id', value: CONTENT }, options: {} };
    expect(channels).toMatchObject([
      { id: 9, name: 'Nine', enabled: false, guideId: null, logoUrl: null, edited: [], sources: [{ spec: content }] },
      {
        id: 7,
        name: 'Seven',
        enabled: true,
        guideId: 'seven.tv',
        logoUrl: 'http://tv.example/7.png',
        sources: [{ spec: content }, { spec: { kind: 'http', url: 'http://tv.example/7.ts' } }],
      },
    ]);
  });

  it('gives the next channel an id that was never used', async () => {
    buildLegacy(old, FULL);
    await moveIn(old, live);
    const database = openDatabase(live);
    const channels = new Channels(database, new CatalogEvents());
    channels.remove(9);
    expect(channels.create({ name: 'Ten' }).id).toBe(10);
    await database.close();
  });

  it('keeps logins valid, with what they may, and takes no administrator for a viewer', async () => {
    buildLegacy(old, FULL);
    const report = await moveIn(old, live);
    const { accounts } = await contents();
    expect(accounts.map(accountOf)).toMatchObject([
      {
        username: 'ann',
        status: 'active',
        isTrial: true,
        maxConnections: 3,
        formats: ['ts', 'm3u8'],
        notes: 'pays',
        expiresAt: 4_070_908_800,
        categoryIds: null,
      },
      {
        username: 'bob',
        status: 'disabled',
        isTrial: false,
        maxConnections: 1,
        formats: ['ts'],
        expiresAt: 4_070_908_800,
      },
    ]);
    const passwords = new Passwords({ verifyBcrypt: (password, hash) => bcrypt.compare(password, hash) });
    expect(await passwords.matches('secret', accounts[0]!.password_hash)).toBe(true);
    expect(await passwords.matches('Secret', accounts[0]!.password_hash)).toBe(false);
    expect(remarks(report)).toEqual([
      "users 1 'root': left out: an administrator there; make a new one here, with a new password",
      "users 3 'bob': allowed_output_formats names none that is known here: it gets the usual one",
    ]);
  });

  it('takes over lists disabled, because their channels are there already, and guides as they were', async () => {
    buildLegacy(old, FULL);
    await moveIn(old, live);
    expect(await contents()).toMatchObject({
      lists: [{ name: 'All', url: 'http://lists.example/all.m3u', kind: 'm3u', enabled: 0 }],
      guides: [{ name: 'guide.example', url: 'http://guide.example/xmltv.xml.gz', enabled: 1 }],
    });
  });

  it('is refused as a whole where a channel or an account is here already, and names them', async () => {
    buildLegacy(old, FULL);
    await moveIn(old, live);
    const before = await contents();
    const again = moveIn(old, live);
    await expect(again).rejects.toThrow(ConflictError);
    await expect(again).rejects.toThrow(/channels 7 'Seven': channel 7 is here already, as 'Seven'/);
    await expect(again).rejects.toThrow(/users 2 'ann': an account 'ann' is here already/);
    expect(await contents()).toEqual(before);
  });

  it('joins categories of the same name, and puts channels behind those that are here', async () => {
    const database = openDatabase(live);
    const channels = new Channels(database, new CatalogEvents());
    const { id: categoryId } = database.connection
      .prepare("INSERT INTO categories (name, position) VALUES ('News', 0) RETURNING id")
      .get() as { id: number };
    channels.create({ name: 'Mine', categoryId });
    await database.close();
    buildLegacy(old, FULL);
    const report = await moveIn(old, live);
    expect(report.counts.categories).toEqual({ read: 2, moved: 1, merged: 1, skipped: 0 });
    const moved = (await contents()).channels;
    expect(moved.map(({ name }) => name)).toEqual(['Mine', 'Nine', 'Seven']);
    expect(moved[1]!.categoryId).toBe(categoryId);
  });

  it('is refused while a gateway has the database open; a rehearsal is not', async () => {
    buildLegacy(old, FULL);
    const database = openDatabase(live);
    await expect(moveIn(old, live)).rejects.toThrow(/stop the gateway first/);
    expect((await rehearse(old, live)).counts.channels.moved).toBe(2);
    await database.close();
  });

  it('takes over what an older version has, and leaves the old database as it is', async () => {
    buildLegacy(old, { channels: [{ id: 1, name: 'One', acestream_id: CONTENT }], users: [] });
    const before = readFileSync(old);
    const report = await moveIn(old, live);
    expect(report.counts.channels).toMatchObject({ read: 1, moved: 1 });
    expect((await contents()).channels).toMatchObject([{ id: 1, enabled: true }]);
    expect(readFileSync(old).equals(before)).toBe(true);
  });

  it('says what is odd, row by row, and repeats no address', async () => {
    buildLegacy(old, {
      categories: [{ id: 1, name: null }],
      channels: [
        {
          id: 1,
          name: null,
          acestream_id: 'xyz',
          stream_url: null,
          category_id: 5,
          logo_url: '/logos/1.png',
          is_active: 1,
        },
        {
          id: -2,
          name: 'Minus',
          acestream_id: CONTENT,
          stream_url: null,
          category_id: null,
          logo_url: null,
          is_active: null,
        },
      ],
      users: [
        { id: 1, username: 'a b', password_hash: HASH, expiry_date: null, max_connections: 1 },
        { id: 2, username: 'carl', password_hash: 'pbkdf2:sha256:1$x$y', expiry_date: null, max_connections: 1 },
        { id: 3, username: 'dora', password_hash: HASH, expiry_date: 'some day', max_connections: -4 },
        { id: 4, username: 'dora', password_hash: HASH, expiry_date: null, max_connections: 1 },
      ],
      scraper_urls: [{ id: 1, url: 'ftp://user:pass@host/x' }],
    });
    const report = await moveIn(old, live);
    expect(remarks(report)).toEqual([
      expect.stringMatching(/^categories 1: left out: A category's name must be/),
      "channels -2 'Minus': left out: its id is no positive whole number",
      'channels 1: acestream_id is dropped: it has no scheme such as http:// or acestream://',
      'channels 1: disabled, because it has no address that can be used',
      expect.stringMatching(/^channels 1: A channel's name must be .* It gets 'Channel 1'\.$/),
      'channels 1: uncategorized, because its category is missing',
      expect.stringMatching(/^channels 1: A channel's logo must be .* It gets none\.$/),
      expect.stringMatching(/^users 1 'a b': left out: .*username/),
      "users 2 'carl': left out: the hash of its password is none of bcrypt",
      "users 3 'dora': disabled, because its expiry_date is no date",
      "users 3 'dora': max_connections is no number from 0 to 10000: it gets 1",
      "users 4 'dora': left out: another user has the same name",
      expect.stringMatching(/^scraper_urls 1: left out: The address must be an http/),
    ]);
    expect(JSON.stringify(report.remarks)).not.toMatch(/pass@|\$2b\$/);
    expect((await contents()).accounts).toMatchObject([{ username: 'dora', status: 'disabled', expires_at: null }]);
  });

  it.each([
    ['is a database of this program', () => openDatabase(old).close(), /use restore/],
    ['has neither channels nor users', () => buildLegacy(old, { other: [] }), /neither a table/],
    ['is missing', () => {}, /no such file/],
  ])('is refused when the old database %s', async (_, prepare, message) => {
    await prepare();
    await expect(rehearse(old, live)).rejects.toThrow(message);
    expect(existsSync(live)).toBe(false);
  });
});

const odd = fc.oneof(
  fc.constant(null),
  fc.integer({ min: -3, max: 12 }),
  fc.constantFrom(
    '',
    '1',
    'News',
    'ann',
    'bob',
    CONTENT,
    HASH,
    'http://tv.example/1',
    '["ts"]',
    '[',
    '2030-01-01',
    'x'.repeat(300),
    '\n',
  ),
);
const rows = (...columns: string[]) =>
  fc.uniqueArray(
    fc.record<Record<string, LegacyValue>>({
      id: fc.integer({ min: -1, max: 40 }),
      ...Object.fromEntries(columns.map(name => [name, odd])),
    }),
    { selector: row => row.id, maxLength: 8 },
  );
const fixtures = fc.record({
  categories: rows('name', 'display_order'),
  channels: rows(
    'name',
    'acestream_id',
    'stream_url',
    'category_id',
    'logo_url',
    'epg_id',
    'is_active',
    'display_order',
  ),
  users: rows(
    'username',
    'password_hash',
    'is_admin',
    'is_active',
    'max_connections',
    'allowed_output_formats',
    'expiry_date',
    'notes',
  ),
  scraper_urls: rows('url', 'name'),
  epg_sources: rows('url', 'name', 'is_enabled'),
});

describe('a rehearsal', () => {
  it('of any database tells what the move then does, and changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fixtures, async fixture => {
        rmSync(folder, { recursive: true, force: true });
        folder = mkdtempSync(path.join(tmpdir(), 'sluice-legacy-'));
        [old, live] = [path.join(folder, 'old.db'), path.join(folder, 'sluice.db')];
        buildLegacy(old, fixture);
        const told = await rehearse(old, live);
        expect(readdirSync(folder)).toEqual(['old.db']);
        const done = await moveIn(old, live);
        expect([done.counts, done.remarks]).toEqual([told.counts, told.remarks]);
        const { channels, accounts, lists, guides } = await contents();
        expect([channels, accounts, lists, guides].map(({ length }) => length)).toEqual(
          (['channels', 'users', 'scraper_urls', 'epg_sources'] as const).map(table => done.counts[table].moved),
        );
        for (const table of LEGACY_TABLES) {
          const { read, moved, merged, skipped } = done.counts[table];
          expect([read, moved + merged + skipped]).toEqual(Array(2).fill(fixture[table].length));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('on a database with something in it changes nothing there', async () => {
    buildLegacy(old, FULL);
    await moveIn(old, live);
    const before = await contents();
    await expect(rehearse(old, live)).rejects.toThrow(ConflictError);
    expect(await contents()).toEqual(before);
  });
});
