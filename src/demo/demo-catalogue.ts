/** The demo's channels, guide and account. They live in a database of their own that ends with the process. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hashPassword } from '../auth/password-hash.ts';
import { CatalogEvents } from '../catalog/catalog-events.ts';
import { Categories } from '../catalog/categories.ts';
import { Channels } from '../catalog/channels.ts';
import { type Database, inTransaction, openDatabase, openFile, versionOf } from '../catalog/database.ts';
import { programmesOf } from './demo-guide.ts';

/** The account that players log in with; there is no other in the demo. */
export const DEMO_LOGIN = { username: 'demo', password: 'demo' } as const;

/** Tables with rows that somebody put there. */
const OWN_TABLES = ['channels', 'accounts', 'imports', 'guide_sources', 'admins', 'tokens'] as const;
const CATEGORIES = ['Demo', 'Demo extra'] as const;
/** Often enough for a guide that reaches a day ahead, also after a machine slept over midnight. */
const ROLL_MS = 3_600_000;
const MAX_CONNECTIONS = 10;

/** What the demo's engine plays. */
export type DemoContents = readonly { contentId: string; name: string }[];

/** Whether nobody has put anything into a database yet, so that a demo hides nothing. */
export function isUnused(databaseFile: string): boolean {
  if (!existsSync(databaseFile)) return true;
  const connection = openFile(databaseFile);
  try {
    if (versionOf(connection) === 0) return true;
    return OWN_TABLES.every(table => connection.prepare(`SELECT 1 FROM ${table} LIMIT 1`).all().length === 0);
  } finally {
    connection.close();
  }
}

/** A catalogue to try players with. */
export class DemoCatalogue {
  readonly #folder: string;
  readonly #guideChannelIds: readonly number[];
  readonly #timer: NodeJS.Timeout;
  readonly database: Database;
  /** Its file, for jobs. */
  readonly file: string;
  /** Called when the guide moved on, so that what was made of it is made anew. */
  onRolled: () => void = () => {};

  private constructor(folder: string, file: string, database: Database, guideChannelIds: readonly number[], now: Date) {
    this.#folder = folder;
    this.file = file;
    this.database = database;
    this.#guideChannelIds = guideChannelIds;
    this.roll(now);
    this.#timer = setInterval(() => this.#tryToRoll(), ROLL_MS).unref();
  }

  /** Makes the database, and fills it. Channels have the same ids each time. */
  static async create(contents: DemoContents, now = new Date()): Promise<DemoCatalogue> {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-demo-'));
    const file = path.join(folder, 'demo.db');
    const database = openDatabase(file);
    const hash = await hashPassword(DEMO_LOGIN.password);
    const guideChannelIds = inTransaction(database.connection, () => {
      addAccount(database, hash, now);
      return addChannels(database, contents);
    });
    return new DemoCatalogue(folder, file, database, guideChannelIds, now);
  }

  /** Brings the guide to the day of `now`: yesterday to tomorrow. */
  roll(now: Date): void {
    const { connection } = this.database;
    const insert = connection.prepare(
      `INSERT OR REPLACE INTO programmes (guide_channel_id, start_at, stop_at, title, description, category)
       VALUES (@id, @startAt, @stopAt, @title, @description, @category)`,
    );
    inTransaction(connection, () => {
      for (const [channel, id] of this.#guideChannelIds.entries()) {
        const programmes = programmesOf(channel, now);
        for (const programme of programmes) insert.run({ id, ...programme });
        connection
          .prepare('DELETE FROM programmes WHERE guide_channel_id = ? AND start_at < ?')
          .run(id, programmes[0]!.startAt);
      }
    });
  }

  /** Closes the database and removes it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.database.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #tryToRoll(): void {
    try {
      this.roll(new Date());
      this.onRolled();
    } catch {
      // A full disk, for one. The guide still reaches into tomorrow, and an hour from now it is tried again.
    }
  }
}

function addAccount({ connection }: Database, hash: string, now: Date): void {
  connection
    .prepare(
      `INSERT INTO accounts (username, password_hash, max_connections, formats, notes, created_at)
       VALUES (?, ?, ?, '["ts","m3u8"]', 'Of the built-in demo', ?)`,
    )
    .run(DEMO_LOGIN.username, hash, MAX_CONNECTIONS, Math.floor(now.getTime() / 1000));
}

/** @returns the guide's channel for each of them */
function addChannels(database: Database, contents: DemoContents): number[] {
  const { connection } = database;
  const events = new CatalogEvents();
  const categories = new Categories(database, events);
  const channels = new Channels(database, events);
  const [first, second] = CATEGORIES.map(name => categories.create({ name }).id) as [number, number];
  // It is filled here, so nobody is ever to read it from its address.
  const guide = idOf(
    connection,
    `INSERT INTO guide_sources (name, url, interval_s, last_run_at)
     VALUES ('Demo', 'http://127.0.0.1/demo', 0, unixepoch())`,
  );
  return contents.map(({ contentId, name }, place) => {
    const guideId = `demo.${place + 1}`;
    const { id } = channels.create({
      name,
      number: place + 1,
      guideId,
      categoryId: place < 2 ? first : second,
      sources: [{ spec: { kind: 'engine', selector: { kind: 'content_id', value: contentId }, options: {} } }],
    });
    const guideChannelId = idOf(
      connection,
      'INSERT INTO guide_channels (guide_source_id, xmltv_id, names) VALUES (?, ?, ?)',
      guide,
      guideId,
      JSON.stringify([name]),
    );
    connection
      .prepare("INSERT INTO guide_mappings (channel_id, guide_channel_id, score, how) VALUES (?, ?, 1, 'guide-id')")
      .run(id, guideChannelId);
    return guideChannelId;
  });
}

function idOf(connection: Database['connection'], insert: string, ...values: (string | number)[]): number {
  return (connection.prepare(`${insert} RETURNING id`).get(...values) as { id: number }).id;
}
