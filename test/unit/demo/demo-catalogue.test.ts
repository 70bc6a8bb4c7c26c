import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Passwords } from '../../../src/accounts/passwords.ts';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import { Channels } from '../../../src/catalog/channels.ts';
import { openDatabase } from '../../../src/catalog/database.ts';
import type { Row } from '../../../src/catalog/tables.ts';
import { DEMO_LOGIN, DemoCatalogue, isUnused } from '../../../src/demo/demo-catalogue.ts';
import { programmesOf } from '../../../src/demo/demo-guide.ts';
import { DEMO_CONTENTS } from '../../../workers/demo/contents.ts';

const NOON = new Date(2026, 4, 20, 12, 34, 56);
const HOUR_S = 3_600;
const seconds = (...parts: [number, number, number]): number => new Date(...parts).getTime() / 1000;

describe('the demo catalogue', () => {
  let demo: DemoCatalogue | undefined;

  afterEach(async () => {
    await demo?.close();
    demo = undefined;
  });

  const programmes = (): Row<'programmes'>[] =>
    demo!.database.connection
      .prepare('SELECT * FROM programmes ORDER BY guide_channel_id, start_at')
      .all() as Row<'programmes'>[];

  it("has the engine's contents as channels in two categories, with the same ids each time", async () => {
    for (const _ of [1, 2]) {
      demo = await DemoCatalogue.create(DEMO_CONTENTS, NOON);
      const { items } = new Channels(demo.database, new CatalogEvents()).page({ offset: 0, limit: 10 });
      expect(items.map(({ id, name, categoryId, enabled }) => [id, name, categoryId, enabled])).toEqual([
        [1, 'Sluice demo 1', 1, true],
        [2, 'Sluice demo 2', 1, true],
        [3, 'Sluice demo 3', 2, true],
      ]);
      expect(items.map(({ sources }) => sources.map(({ spec }) => spec))).toEqual(
        DEMO_CONTENTS.map(({ contentId }) => [
          { kind: 'engine', selector: { kind: 'content_id', value: contentId }, options: {} },
        ]),
      );
      await demo.close();
    }
    demo = undefined;
  });

  it('has an account that the demo login opens, and no other', async () => {
    demo = await DemoCatalogue.create(DEMO_CONTENTS, NOON);
    const accounts = demo.database.connection.prepare('SELECT * FROM accounts').all() as Row<'accounts'>[];
    expect(accounts).toMatchObject([{ username: 'demo', status: 'active', expires_at: null }]);
    const passwords = new Passwords({ verifyBcrypt: () => Promise.resolve(false) });
    expect(await passwords.matches(DEMO_LOGIN.password, accounts[0]!.password_hash)).toBe(true);
  });

  it('has a guide from yesterday to tomorrow for every channel, without gaps, that rolls over midnight', async () => {
    demo = await DemoCatalogue.create(DEMO_CONTENTS, NOON);
    const mapped = demo.database.connection.prepare('SELECT COUNT(*) AS count FROM guide_mappings').all();
    expect(mapped).toEqual([{ count: 3 }]);
    for (const [now, first, end] of [
      [NOON, seconds(2026, 4, 19), seconds(2026, 4, 22)],
      [new Date(2026, 4, 21, 0, 0, 1), seconds(2026, 4, 20), seconds(2026, 4, 23)],
    ] as const) {
      demo.roll(now);
      const rows = programmes();
      const channels = [...new Set(rows.map(row => row.guide_channel_id))];
      expect(channels).toHaveLength(3);
      for (const channel of channels) {
        const own = rows.filter(row => row.guide_channel_id === channel);
        expect(own.map(row => row.start_at)).toEqual(
          Array.from({ length: (end - first) / HOUR_S }, (_, hour) => first + hour * HOUR_S),
        );
        expect(own.every(row => row.stop_at === row.start_at + HOUR_S && row.title !== '')).toBe(true);
      }
    }
  });

  it('keeps the title of a programme when it rolls', async () => {
    const today = (now: Date) => programmesOf(0, now).filter(({ startAt }) => startAt >= seconds(2026, 4, 20));
    const later = new Map(today(new Date(2026, 4, 21, 3)).map(({ startAt, title }) => [startAt, title]));
    for (const { startAt, title } of today(NOON)) expect(later.get(startAt)).toBe(title);
  });

  it('leaves no file behind', async () => {
    const { file, ...closing } = await DemoCatalogue.create(DEMO_CONTENTS, NOON).then(made => ({
      file: made.file,
      close: () => made.close(),
    }));
    expect(existsSync(file)).toBe(true);
    await closing.close();
    expect(existsSync(path.dirname(file))).toBe(false);
  });
});

describe('a database', () => {
  it('is unused until something is put into it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-unused-'));
    const file = path.join(folder, 'sluice.db');
    try {
      expect(isUnused(file)).toBe(true);
      const database = openDatabase(file);
      expect(isUnused(file)).toBe(true);
      new Channels(database, new CatalogEvents()).create({ name: 'Mine' });
      expect(isUnused(file)).toBe(false);
      await database.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
