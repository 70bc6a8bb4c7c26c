import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { queryOf, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

const KIDS = { username: 'kids', password: 'longenough' };

let gateway: XtreamGateway;
beforeAll(async () => {
  gateway = await startXtream();
  await gateway.gateway.accounts.create({ ...KIDS, categoryIds: [3, 1] });
});
afterAll(() => gateway.close());

interface Row {
  num: number;
  name: string;
  stream_id: number;
  category_id: string;
  category_ids: number[];
}

const streams = (query = '', login = undefined as typeof KIDS | undefined) =>
  gateway.playerJson<Row[]>(`action=get_live_streams${query}`, login);
const idsOf = (rows: readonly Row[]) => rows.map(({ stream_id }) => stream_id);

describe('the lists', () => {
  it('hold every enabled channel in the order of the catalogue', async () => {
    const rows = await streams();
    expect(idsOf(rows)).toEqual([101, 102, 201, 202, 301]);
    expect(rows[0]).toEqual({
      num: 1,
      name: 'News 24',
      stream_type: 'live',
      stream_id: 101,
      stream_icon: 'http://l.example/a.png',
      epg_channel_id: 'news24.es',
      added: '1735884153',
      category_id: '1',
      category_ids: [1],
      custom_sid: '',
      tv_archive: 0,
      direct_source: '',
      tv_archive_duration: 0,
      thumbnail: '',
    });
    expect(rows[1]).toMatchObject({ num: 12, name: 'Año "ñ", late' });
  });

  it('name no category that get_live_categories does not have', async () => {
    const categories = await gateway.playerJson('action=get_live_categories');
    expect(categories).toEqual([
      { category_id: '1', category_name: 'News', parent_id: 0 },
      { category_id: '2', category_name: 'Sports, "live"', parent_id: 0 },
      { category_id: '3', category_name: 'Kids', parent_id: 0 },
    ]);
    const known = new Set((categories as { category_id: string }[]).map(({ category_id }) => category_id));
    expect((await streams()).filter(({ category_id }) => !known.has(category_id))).toEqual([]);
  });

  it.each([
    ['', [101, 102, 201, 202, 301]],
    ['0', [101, 102, 201, 202, 301]],
    ['*', [101, 102, 201, 202, 301]],
    ['ALL', [101, 102, 201, 202, 301]],
    ['2', [201, 202]],
    ['99', []],
    ['two', []],
  ])('for category_id=%s hold %p', async (category, ids) => {
    expect(idsOf(await streams(`&category_id=${encodeURIComponent(category)}`))).toEqual(ids);
  });

  it('come in parts for players that ask so', async () => {
    expect(idsOf(await streams('&params[offset]=1&params[items_per_page]=2'))).toEqual([102, 201]);
    expect(idsOf(await streams('&params%5Boffset%5D=3&params%5Bitems_per_page%5D=0'))).toEqual([202, 301]);
    expect(idsOf(await streams('&params[offset]=many'))).toHaveLength(5);
  });

  it('hold only what the account may see', async () => {
    expect(idsOf(await streams('', KIDS))).toEqual([101, 102, 301]);
    expect(idsOf(await streams('&category_id=2', KIDS))).toEqual([]);
    expect(idsOf(await streams('&category_id=3', KIDS))).toEqual([301]);
    const categories = await gateway.playerJson<{ category_id: string }[]>('action=get_live_categories', KIDS);
    expect(categories.map(({ category_id }) => category_id)).toEqual(['1', '3']);
    const playlist = await (await gateway.ask(`/get.php?${queryOf(KIDS)}`)).text();
    expect(playlist.match(/\/(\d+)\r$/gm)).toEqual(['/101\r', '/102\r', '/301\r']);
  });

  it.each([
    ['get_vod_categories'],
    ['get_series_categories'],
    ['get_vod_streams'],
    ['get_series'],
    ['200'],
    ['203'],
    ['206'],
    ['208'],
  ])('are empty lists where there is nothing: %s', async action => {
    expect(await gateway.playerJson(`action=${action}`)).toEqual([]);
  });

  it.each([
    ['get_vod_info&vod_id=1', { info: {}, movie_data: {} }],
    ['209&vod_id=1', { info: {}, movie_data: {} }],
    ['get_series_info&series_id=1', { seasons: [], info: {}, episodes: {} }],
    ['204&series_id=1', { seasons: [], info: {}, episodes: {} }],
  ])('have objects of the right shape for %s', async (action, body) => {
    expect(await gateway.playerJson(`action=${action}`)).toEqual(body);
  });

  it.each([
    ['201', 'get_live_categories'],
    ['202', 'get_live_streams'],
    ['205&stream_id=101', 'get_short_epg&stream_id=101'],
    ['207&stream_id=101', 'get_simple_data_table&stream_id=101'],
    ['get_simple_date_table&stream_id=101', 'get_simple_data_table&stream_id=101'],
  ])('have numbers and misspellings for names: %s is %s', async (alias, name) => {
    expect(await gateway.playerJson(`action=${alias}`)).toEqual(await gateway.playerJson(`action=${name}`));
  });

  it('are compressed for who wants it, with their whole length', async () => {
    const route = `/player_api.php?${queryOf()}&action=get_live_streams`;
    const plain = await gateway.ask(route, { headers: { 'Accept-Encoding': 'gzip;q=0, br' } });
    const compressed = await gateway.ask(route, { headers: { 'Accept-Encoding': 'br, gzip' } });
    expect([plain.headers.get('content-encoding'), compressed.headers.get('content-encoding')]).toEqual([null, 'gzip']);
    const [one, other] = await Promise.all([plain.arrayBuffer(), compressed.arrayBuffer()]);
    expect(gunzipSync(Buffer.from(other))).toEqual(Buffer.from(one));
    expect(plain.headers.get('content-length')).toBe(String(one.byteLength));
    expect(compressed.headers.get('content-length')).toBe(String(other.byteLength));
    expect(compressed.headers.get('vary')).toContain('Accept-Encoding');
  });

  it('follow the catalogue: who asks after a change gets the change', async () => {
    const { channels } = gateway.gateway;
    channels.update(301, { name: 'Cartoons II' });
    expect((await streams()).at(-1)!.name).toBe('Cartoons II');
    channels.update(301, { enabled: false });
    expect(idsOf(await streams())).toEqual([101, 102, 201, 202]);
    expect(idsOf(await streams('', KIDS))).toEqual([101, 102]);
    channels.update(301, { enabled: true, name: 'Cartoons' });
    expect(idsOf(await streams())).toHaveLength(5);
  });

  it('are all in the answer of panel_api.php', async () => {
    const answer = await gateway.ask(`/panel_api.php?${queryOf(KIDS)}`);
    const panel = (await answer.json()) as Record<string, Record<string, unknown>>;
    expect(panel.user_info).toMatchObject({ auth: 1, username: 'kids' });
    expect(panel.server_info).toMatchObject({ port: String(gateway.port), https_port: '' });
    expect(panel.categories).toEqual({ live: [expect.anything(), expect.anything()], movie: [], series: [] });
    expect(Object.keys(panel.available_channels!)).toEqual(['101', '102', '301']);
    expect(panel.available_channels!['102']).toMatchObject({ stream_id: '102', category_name: 'News', live: '1' });
    const streamsThere = await gateway.ask(`/panel_api.php?${queryOf(KIDS)}&action=get_live_streams`);
    expect(await streamsThere.json()).toEqual(await streams('', KIDS));
  });
});
