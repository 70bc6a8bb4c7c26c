import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { queryOf, SMALL, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

const NOW = Math.floor(Date.now() / 1000);
const HOUR = 3600;

/** Twelve programmes of an hour, the third of which is on. */
const PROGRAMMES = Array.from({ length: 12 }, (_, i) => ({
  channelId: 101,
  startAt: NOW - 2.5 * HOUR + i * HOUR,
  stopAt: NOW - 1.5 * HOUR + i * HOUR,
  title: `Programa ñ ${i}`,
  ...(i % 2 === 0 && { description: `De qué trata ${i}` }),
}));

let gateway: XtreamGateway;
beforeAll(async () => {
  const other = { channelId: 201, startAt: NOW - 60, stopAt: NOW + HOUR, title: 'Match' };
  gateway = await startXtream({ ...SMALL, programmes: [...PROGRAMMES, other] });
  await gateway.gateway.accounts.create({ username: 'kids', password: 'longenough', categoryIds: [3] });
});
afterAll(() => gateway.close());

interface Listing {
  id: string;
  title: string;
  description: string;
  start: string;
  end: string;
  start_timestamp: string;
  stop_timestamp: string;
  channel_id: string;
  now_playing: number;
  has_archive: number;
}

const listings = async (query: string): Promise<Listing[]> =>
  (await gateway.playerJson<{ epg_listings: Listing[] }>(query)).epg_listings;
const decode = (text: string) => Buffer.from(text, 'base64').toString('utf8');

describe('the guide of a channel', () => {
  it.each([
    ['', 4],
    ['&limit=10', 10],
    ['&limit=0', 4],
    ['&limit=many', 4],
    ['&limit=2', 2],
  ])('in short (%s) has %i programmes, none of them over', async (limit, count) => {
    const rows = await listings(`action=get_short_epg&stream_id=101${limit}`);
    expect(rows).toHaveLength(count);
    expect(rows.filter(({ stop_timestamp }) => Number(stop_timestamp) <= NOW)).toEqual([]);
    expect(rows.map(({ now_playing }) => now_playing)).toEqual([1, ...Array(count - 1).fill(0)]);
  });

  it('has titles in base64, times in the zone of the server, and no archive', async () => {
    const [row] = await listings('action=get_short_epg&stream_id=101');
    expect(decode(row!.title)).toBe('Programa ñ 2');
    expect(decode(row!.description)).toBe('De qué trata 2');
    const shown = (unix: string) =>
      new Date(Number(unix) * 1000).toLocaleString('sv-SE', { timeZone: 'Europe/Madrid' });
    expect(row).toMatchObject({
      start: shown(row!.start_timestamp),
      end: shown(row!.stop_timestamp),
      channel_id: 'news24.es',
      has_archive: 0,
    });
  });

  it('as a whole has what is over, too, each with an id of its own', async () => {
    const rows = await listings('action=get_simple_data_table&stream_id=101');
    expect(rows.map(({ title }) => decode(title))).toEqual(PROGRAMMES.map(({ title }) => title));
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(rows[1]!.description).toBe('');
  });

  it.each([
    ['action=get_short_epg&stream_id=102'],
    ['action=get_short_epg&stream_id=9999'],
    ['action=get_short_epg'],
    ['action=get_short_epg&stream_id=abc'],
    ['action=get_simple_data_table&stream_id=103'],
    ['action=get_simple_data_table&stream_id='],
  ])('is an empty list where there is none: %s', async query => {
    expect(await gateway.playerJson(query)).toEqual({ epg_listings: [] });
  });

  it('is not shown to accounts that may not see the channel', async () => {
    const login = { username: 'kids', password: 'longenough' };
    expect(await gateway.playerJson('action=get_short_epg&stream_id=101', login)).toEqual({ epg_listings: [] });
  });

  it('comes by channel where several are asked for', async () => {
    const answer = await gateway.playerJson<{ epg_listings: Record<string, Listing[]> }>(
      'action=get_short_epg&stream_id=101,201,9999&limit=2',
    );
    expect(Object.keys(answer.epg_listings)).toEqual(['101', '201', '9999']);
    expect(answer.epg_listings['101']).toHaveLength(2);
    expect(decode(answer.epg_listings['201']![0]!.title)).toBe('Match');
    expect(answer.epg_listings['9999']).toEqual([]);
  });

  it('in the older form is a bare list with unix seconds', async () => {
    const rows = await gateway.playerJson<{ start: number; end: number }[]>('action=get_epg&stream_id=101&from_now=1');
    expect(rows).toHaveLength(10);
    expect(rows[0]).toMatchObject({ start: PROGRAMMES[2]!.startAt, end: PROGRAMMES[2]!.stopAt });
  });
});

describe('the guide as XMLTV', () => {
  const route = () => `/xmltv.php?${queryOf()}`;

  it('knows every channel by the id that the lists have', async () => {
    const answer = await gateway.ask(route());
    expect(answer.headers.get('content-type')).toBe('application/xml; charset=utf-8');
    const xml = await answer.text();
    const rows = await gateway.playerJson<{ epg_channel_id: string; stream_id: number }[]>('action=get_live_streams');
    const ids = [...xml.matchAll(/<channel id="([^"]*)"/g)].map(([, id]) => id);
    for (const { stream_id, epg_channel_id } of rows)
      if ([101, 201].includes(stream_id)) expect(ids).toContain(epg_channel_id);
    expect(xml).toContain('Programa ñ 2');
  });

  it('is a file with gzip=1, and compressed on the way for who wants it', async () => {
    const xml = await (await gateway.ask(route())).text();
    const file = await gateway.ask(`${route()}&gzip=1`);
    expect(file.headers.get('content-encoding')).toBeNull();
    expect(file.headers.get('content-disposition')).toContain('epg.xml.gz');
    expect(gunzipSync(Buffer.from(await file.arrayBuffer())).toString()).toBe(xml);
    const compressed = await gateway.ask(route(), { headers: { 'Accept-Encoding': 'gzip' } });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(gunzipSync(Buffer.from(await compressed.arrayBuffer())).toString()).toBe(xml);
  });

  it('is not sent again to who has it', async () => {
    const etag = (await gateway.ask(route())).headers.get('etag')!;
    const again = await gateway.ask(route(), { headers: { 'If-None-Match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect((await gateway.ask(route(), { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
  });

  it('is a document even where there is nothing to say, and takes a form', async () => {
    const answer = await gateway.ask(`/xmltv.php?${queryOf({ username: 'kids', password: 'longenough' })}`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toMatch(/^<\?xml[\s\S]*<tv[\s\S]*>/);
  });
});
