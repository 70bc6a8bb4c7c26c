/**
 * Other people's clients against the running gateway, and what two strict ones insist on, written down as schemas:
 * Jellyfin.Xtream parses with Newtonsoft.Json into these C# types, open-tv with serde into these Rust types.
 */
import { Xtream } from '@iptv/xtream-api';
import * as camelcase from '@iptv/xtream-api/camelcase';
import * as jsonapi from '@iptv/xtream-api/jsonapi';
import * as standardized from '@iptv/xtream-api/standardized';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import playlistParser from 'iptv-playlist-parser';
import { z } from 'zod';
import { Viewer } from '../../helpers/viewer.ts';
import { queryOf, SMALL, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

/** What of its results is looked at; it has no types of its own. */
interface Epg {
  channels: { id: string }[];
  programs: { channel: string; start: string; title: { value: string }[] }[];
}

const { default: epgParser } = (await import('epg-parser' as string)) as { default: { parse(xml: string): Epg } };

/** Safe in an address as it is: this client does not encode. */
const BOB = { username: 'bob', password: 'long-enough_1' };
const NOW = Math.floor(Date.now() / 1000);
const PROGRAMMES = [0, 1, 2, 3, 4, 5].map(i => ({
  channelId: 101,
  startAt: NOW - 1800 + i * 3600,
  stopAt: NOW + 1800 + i * 3600,
  title: `Año ${i}`, // The parser leaves entities as they are.
  description: `"Part" ${i}`,
}));

let gateway: XtreamGateway;
beforeAll(async () => {
  gateway = await startXtream({ ...SMALL, programmes: PROGRAMMES });
  await gateway.gateway.accounts.create({ ...BOB, maxConnections: 2 });
});
afterAll(() => gateway.close());

const channelNames = SMALL.channels as readonly { name: string; enabled?: boolean }[];
const NAMES = [...channelNames].filter(({ enabled }) => enabled !== false).map(({ name }) => name);

describe('@iptv/xtream-api', () => {
  const client = (serializer?: object) =>
    new Xtream({ url: `${gateway.url}/`, ...BOB, preferredFormat: 'm3u8', ...(serializer && { serializer }) } as never);

  it('logs in, lists categories and channels, and finds nothing where there is nothing', async () => {
    const xtream = client();
    expect(await xtream.getProfile()).toMatchObject({ username: 'bob', auth: 1, status: 'Active' });
    expect(await xtream.getServerInfo()).toMatchObject({ port: String(gateway.port) });
    expect(await xtream.getChannelCategories()).toHaveLength(3);
    expect((await xtream.getChannels()).map(({ name }) => name)).toEqual(NAMES);
    expect(await xtream.getChannels({ categoryId: '2', page: 1, limit: 1 })).toHaveLength(1);
    for (const list of [xtream.getMovieCategories(), xtream.getShowCategories(), xtream.getMovies(), xtream.getShows()])
      expect(await list).toEqual([]);
  });

  it('finds an address for a channel in the format that is offered, and that plays', async () => {
    const [channel] = await client().getChannels();
    const address = new URL((channel as unknown as { url: string }).url);
    expect(address.pathname).toBe(`/live/${BOB.username}/${BOB.password}/101.ts`);
    const viewer = new Viewer(gateway.port, address.pathname);
    await viewer.more(100);
    viewer.leave();
  });

  it('reads the guide of a channel', async () => {
    const { epg_listings } = await client().getShortEPG({ channelId: '101', limit: 3 });
    expect(epg_listings).toHaveLength(3);
    expect((await client().getFullEPG({ channelId: '101' })).epg_listings).toHaveLength(PROGRAMMES.length);
    expect((await client().getShortEPG({ channelId: '301' })).epg_listings).toEqual([]);
  });

  it.each([
    ['camelcase', camelcase],
    ['standardized', standardized],
    ['JSON:API', jsonapi],
  ])('makes its %s form of everything', async (_, module) => {
    const serializer = Object.values(module).find(value => typeof value === 'object' && 'serializers' in value);
    const xtream = client(serializer as object);
    const answers = await Promise.all([
      xtream.getProfile(),
      xtream.getServerInfo(),
      xtream.getChannelCategories(),
      xtream.getChannels(),
      xtream.getShortEPG({ channelId: '101' }),
      xtream.getFullEPG({ channelId: '101' }),
    ]);
    const text = JSON.stringify(answers);
    expect(text).toContain('News 24');
    expect(text).not.toMatch(/Invalid Date|NaN/);
  });
});

describe('iptv-playlist-parser', () => {
  it.each([
    ['', ''],
    ['&output=ts', '.ts'],
  ])('reads every channel of the playlist (%s)', async (query, suffix) => {
    const text = await (await gateway.ask(`/get.php?${queryOf(BOB)}${query}`)).text();
    const { header, items } = playlistParser.parse(text);
    expect((header.attrs as Record<string, string>)['url-tvg']).toBe(`${gateway.url}/xmltv.php?${queryOf(BOB)}`);
    expect(items.map(({ tvg }) => tvg.name)).toEqual(NAMES.map(name => name.replaceAll('"', "'")));
    expect(items.map(({ name }) => name)).toEqual(items.map(({ tvg }) => tvg.name));
    expect(items[0]).toMatchObject({
      group: { title: 'News' },
      tvg: { id: 'news24.es', logo: 'http://l.example/a.png' },
    });
    expect(items[3]!.url).toBe(`${gateway.url}/live/${BOB.username}/${BOB.password}/202${suffix}`);
  });
});

describe('epg-parser', () => {
  it('reads every programme of the guide', async () => {
    const xml = await (await gateway.ask(`/xmltv.php?${queryOf(BOB)}`)).text();
    const { channels, programs } = epgParser.parse(xml);
    expect(channels.map(({ id }) => id)).toContain('news24.es');
    const own = programs.filter(({ channel }) => channel === 'news24.es');
    expect(own.map(({ title }) => title[0]!.value)).toEqual(PROGRAMMES.map(({ title }) => title));
    expect(own.map(({ start }) => Date.parse(start) / 1000)).toEqual(PROGRAMMES.map(({ startAt }) => startAt));
  });
});

/** A text that a C# int is parsed from, or a number. */
const int = z
  .union([z.string().regex(/^-?\d+$/), z.int()])
  .transform(Number)
  .pipe(z.int32());
const unixText = z.string().regex(/^\d{1,11}$/);
const base64 = z.string().regex(/^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/);

describe('Jellyfin.Xtream', () => {
  const PLAYER_API = z.object({
    user_info: z.object({
      username: z.string(),
      password: z.string(),
      auth: int,
      status: z.string(),
      exp_date: unixText,
      is_trial: z.enum(['0', '1']),
      active_cons: int,
      created_at: unixText,
      max_connections: int,
      allowed_output_formats: z.array(z.string()),
    }),
    server_info: z.object({
      url: z.string(),
      port: z.string(),
      rtmp_port: z.string(),
      timezone: z.string(),
      time_now: z.string().refine(time => !Number.isNaN(Date.parse(time))),
    }),
  });
  const CATEGORY = z.object({ category_id: int, category_name: z.string(), parent_id: int });
  const STREAM = z.object({
    num: int,
    name: z.string(),
    stream_type: z.string(),
    stream_id: int,
    stream_icon: z.string(),
    epg_channel_id: z.string(),
    added: z.string(),
    category_id: int,
    custom_sid: z.string(),
    tv_archive: int,
    direct_source: z.string(),
    tv_archive_duration: int,
  });
  const LISTINGS = z.object({
    epg_listings: z.array(
      z.object({
        id: int,
        epg_id: int,
        title: base64,
        lang: z.string(),
        start_timestamp: unixText,
        stop_timestamp: unixText,
        description: base64,
        channel_id: z.string(),
        now_playing: z.union([z.literal(0), z.literal(1)]),
        has_archive: z.union([z.literal(0), z.literal(1)]),
      }),
    ),
  });
  const SERIES_INFO = z.object({
    seasons: z.array(z.never()),
    info: z.object({}),
    episodes: z.record(z.string(), z.array(z.never())),
  });

  it.each([
    ['', PLAYER_API],
    ['action=get_live_categories', z.array(CATEGORY).nonempty()],
    ['action=get_vod_categories', z.array(CATEGORY)],
    ['action=get_series_categories', z.array(CATEGORY)],
    ['action=get_live_streams', z.array(STREAM).nonempty()],
    ['action=get_live_streams&category_id=1', z.array(STREAM).nonempty()],
    ['action=get_vod_streams', z.array(STREAM)],
    ['action=get_series', z.array(z.never())],
    ['action=get_series_info&series_id=1', SERIES_INFO],
    ['action=get_simple_data_table&stream_id=101', LISTINGS],
    ['action=get_simple_data_table&stream_id=301', LISTINGS],
  ])('can parse what it gets for "%s"', async (query, schema) => {
    expect(() => schema.parse({})).toThrow(); // It is strict enough to refuse something.
    schema.parse(await gateway.playerJson(query, BOB));
  });
});

describe('open-tv', () => {
  const u64 = z.int().nonnegative();
  const text = z.string().nullish();
  const STREAM = z.object({
    stream_id: u64.nullish(),
    name: z.string(),
    category_id: text,
    stream_icon: text,
    series_id: u64.nullish(),
    cover: text,
    container_extension: text,
    tv_archive: z.int().min(0).max(255).nullish(),
  });
  const CATEGORY = z.object({ category_id: z.string(), category_name: z.string() });
  const dateTime = z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  const LISTINGS = z.object({
    epg_listings: z.array(
      z.object({
        id: z.string(),
        title: base64,
        description: base64,
        start: dateTime,
        end: dateTime,
        start_timestamp: unixText,
        stop_timestamp: unixText,
        now_playing: z.int().min(0).max(255),
        has_archive: z.int().min(0).max(255),
      }),
    ),
  });

  it('can parse the six lists that it asks for at once', async () => {
    const ask = (action: string) => gateway.playerJson(`action=${action}`, BOB);
    const answers = await Promise.all(['get_live_streams', 'get_vod_streams', 'get_series'].map(ask));
    for (const answer of answers) z.array(STREAM).parse(answer);
    const groups = ['get_live_categories', 'get_vod_categories', 'get_series_categories'];
    for (const answer of await Promise.all(groups.map(ask))) z.array(CATEGORY).parse(answer);
  });

  it('can parse guide and series', async () => {
    const { epg_listings } = LISTINGS.parse(await gateway.playerJson('action=get_short_epg&stream_id=101', BOB));
    expect(epg_listings).toHaveLength(4);
    z.object({ episodes: z.record(z.string(), z.array(z.unknown())) }).parse(
      await gateway.playerJson('action=get_series_info&series_id=1', BOB),
    );
  });
});
