import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type * as DatabaseModule from '../../src/catalog/database.ts';
import { type CallOptions, startGateway, type TestGateway } from './gateway.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

const { openDatabase } = (await import('../../dist/src/catalog/database.js' as string)) as typeof DatabaseModule;

/** The account that most tests watch with; its password has every sign that passwords may have. */
export const ALICE = { username: 'alice', password: 's3cr.et_p-w@d' };

/** A channel of the tests' catalogue. */
export interface ChannelSeed {
  id: number;
  name: string;
  categoryId: number;
  number?: number;
  logoUrl?: string;
  guideId?: string;
  enabled?: boolean;
  /** What it shows; without it the channel has no source. */
  infohash?: string;
}

/** A programme of the tests' guide. */
export interface ProgrammeSeed {
  channelId: number;
  startAt: number;
  stopAt: number;
  title: string;
  description?: string;
}

/** What there is before the gateway starts. */
export interface Seed {
  categories: readonly { id: number; name: string }[];
  channels: Iterable<ChannelSeed>;
  programmes: readonly ProgrammeSeed[];
}

/** A content that the stand-in engine shows. */
export const INFOHASH = 'a'.repeat(40);
/** Another one. */
export const OTHER_INFOHASH = 'b'.repeat(40);

/** A small catalogue with something of everything. */
export const SMALL: Seed = {
  categories: [
    { id: 1, name: 'News' },
    { id: 2, name: 'Sports, "live"' },
    { id: 3, name: 'Kids' },
  ],
  channels: [
    {
      id: 101,
      name: 'News 24',
      categoryId: 1,
      guideId: 'news24.es',
      infohash: INFOHASH,
      logoUrl: 'http://l.example/a.png',
    },
    { id: 102, name: 'Año "ñ", late', categoryId: 1, number: 12, guideId: 'anio.es', infohash: OTHER_INFOHASH },
    { id: 103, name: 'Off air', categoryId: 1, enabled: false, infohash: INFOHASH },
    { id: 201, name: 'Goal #1 <HD> & more', categoryId: 2, infohash: OTHER_INFOHASH },
    { id: 202, name: 'No source', categoryId: 2 },
    { id: 301, name: 'Cartoons', categoryId: 3, infohash: INFOHASH },
  ],
  programmes: [],
};

function sow(dataDir: string, { categories, channels, programmes }: Seed): Promise<void> {
  const database = openDatabase(path.join(dataDir, 'sluice.db'));
  const { connection } = database;
  connection.exec('BEGIN');
  const category = connection.prepare('INSERT INTO categories (id, name, position) VALUES (?, ?, ?)');
  for (const [position, { id, name }] of categories.entries()) category.run(id, name, position);
  const channel = connection.prepare(
    `INSERT INTO channels (id, name, number, category_id, logo_url, guide_id, enabled, position, added_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1735884153, 1735884153)`,
  );
  const source = connection.prepare(
    `INSERT INTO sources (channel_id, rank, kind, selector, value) VALUES (?, 0, 'engine', 'infohash', ?)`,
  );
  for (const { id, name, number, categoryId, logoUrl, guideId, enabled = true, infohash } of channels) {
    channel.run(id, name, number ?? null, categoryId, logoUrl ?? null, guideId ?? null, Number(enabled), id);
    if (infohash !== undefined) source.run(id, infohash);
  }
  connection.exec(
    `INSERT INTO guide_sources (id, name, url, interval_s, last_run_at) VALUES (1, 'test', 'http://g.invalid/', 86400, unixepoch())`,
  );
  const guideChannel = connection.prepare(
    `INSERT OR IGNORE INTO guide_channels (id, guide_source_id, xmltv_id, names) VALUES (?, 1, ?, '[]')`,
  );
  const mapping = connection.prepare(
    `INSERT OR IGNORE INTO guide_mappings (channel_id, guide_channel_id, score, how) VALUES (?, ?, 1, 'manual')`,
  );
  const programme = connection.prepare(
    'INSERT INTO programmes (guide_channel_id, start_at, stop_at, title, description) VALUES (?, ?, ?, ?, ?)',
  );
  for (const { channelId, startAt, stopAt, title, description } of programmes) {
    guideChannel.run(channelId, `guide-${channelId}`);
    mapping.run(channelId, channelId);
    programme.run(channelId, startAt, stopAt, title, description ?? null);
  }
  connection.exec('COMMIT');
  return database.close();
}

/** Credentials as they go into an address. */
export type Login = { username: string; password: string };

/** A gateway with a catalogue, an engine, and an account. */
export interface XtreamGateway extends TestGateway {
  engine: StandIn;
  /** Asks `player_api.php`. @param query in front of which the credentials are put */
  player(query?: string, login?: Login): Promise<Response>;
  /** The same, as JSON. */
  playerJson<T = unknown>(query?: string, login?: Login): Promise<T>;
  /** Asks any route without an administrator's password. */
  ask(path: string, init?: CallOptions): Promise<Response>;
}

/** Puts credentials into a query. */
export function queryOf({ username, password }: Login = ALICE): string {
  return `username=${encodeURIComponent(username)}&password=${encodeURIComponent(password)}`;
}

/** Starts a gateway whose catalogue is there already. */
export async function startXtream(seed: Seed = SMALL, env: Record<string, string> = {}): Promise<XtreamGateway> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sluice-xtream-'));
  const engine = await startStandIn();
  for (const infohash of [INFOHASH, OTHER_INFOHASH])
    engine.putContent(infohash, { kind: 'synthetic', bitsPerSecond: 2_000_000 });
  await sow(dataDir, seed);
  const gateway = await startGateway({
    ACESTREAM_ENGINES: engine.url,
    SERVER_TIMEZONE: 'Europe/Madrid',
    DATA_DIR: dataDir,
    ...env,
  });
  await gateway.gateway.accounts.create({ ...ALICE, maxConnections: 0 });
  const ask: XtreamGateway['ask'] = (route, init) => gateway.call(route, { ...init, anonymous: true });
  const player: XtreamGateway['player'] = (query = '', login = ALICE) =>
    ask(`/player_api.php?${queryOf(login)}${query === '' ? '' : `&${query}`}`);
  return {
    ...gateway,
    engine,
    ask,
    player,
    playerJson: async <T>(query?: string, login?: Login) => (await (await player(query, login)).json()) as T,
    close: async () => {
      await gateway.close();
      await engine.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
