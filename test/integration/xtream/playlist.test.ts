import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ALICE, queryOf, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

let gateway: XtreamGateway;
beforeAll(async () => {
  gateway = await startXtream();
});
afterAll(() => gateway.close());

const playlist = (query = '') => gateway.ask(`/get.php?${queryOf()}${query}`);
const path = `/live/${ALICE.username}/${encodeURIComponent(ALICE.password)}`;

describe('the playlist', () => {
  it('has every channel with its attributes, lines that end as in the original, and the guide in its head', async () => {
    const answer = await playlist();
    expect(answer.headers.get('content-type')).toBe('audio/x-mpegurl');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="playlist_alice_plus.m3u"');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    const lines = (await answer.text()).split('\r\n');
    const guide = `${gateway.url}/xmltv.php?${queryOf()}`;
    expect(lines).toEqual([
      `#EXTM3U url-tvg="${guide}" x-tvg-url="${guide}"`,
      '#EXTINF:-1 tvg-id="news24.es" tvg-name="News 24" tvg-logo="http://l.example/a.png" group-title="News",News 24',
      `${gateway.url}${path}/101`,
      `#EXTINF:-1 tvg-id="anio.es" tvg-name="Año 'ñ', late" tvg-chno="12" tvg-logo="" group-title="News",Año 'ñ', late`,
      `${gateway.url}${path}/102`,
      expect.stringMatching(
        /^#EXTINF:-1 tvg-id="[^"]+" tvg-name="Goal #1 <HD> & more" .* group-title="Sports, 'live'",/,
      ),
      `${gateway.url}${path}/201`,
      expect.stringContaining('No source'),
      `${gateway.url}${path}/202`,
      expect.stringContaining('Cartoons'),
      `${gateway.url}${path}/301`,
      '',
    ]);
  });

  it.each([
    ['', true, ''],
    ['&type=m3u_plus', true, ''],
    ['&type=m3u_plus&output=ts', true, '.ts'],
    ['&type=m3u_plus&output=mpegts', true, '.ts'],
    ['&type=m3u_plus&output=hls', true, '.ts'],
    ['&type=m3u_plus&output=m3u8', true, '.ts'],
    ['&type=m3u', false, ''],
    ['&type=m3u&output=ts', false, '.ts'],
    ['&type=enigma22_script&output=rtmp', true, '.ts'],
  ])('for "%s" has attributes (%p) and ends addresses with "%s"', async (query, extended, suffix) => {
    const text = await (await playlist(query)).text();
    expect(text.includes('tvg-id=')).toBe(extended);
    expect(text.startsWith(extended ? '#EXTM3U url-tvg=' : '#EXTM3U\r\n#EXTINF:-1,News 24\r\n')).toBe(true);
    expect(text).toContain(`${path}/101${suffix}\r\n`);
  });

  it('knows every channel by the id that the lists have', async () => {
    const rows = await gateway.playerJson<{ epg_channel_id: string }[]>('action=get_live_streams');
    const ids = [...(await (await playlist()).text()).matchAll(/tvg-id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids).toEqual(rows.map(({ epg_channel_id }) => epg_channel_id));
  });

  it('holds live channels only where a player asks for them', async () => {
    expect((await (await playlist('&key=movie,series')).text()).match(/#EXTINF/g)).toBeNull();
    expect((await (await playlist('&key=live,movie')).text()).match(/#EXTINF/g)).toHaveLength(5);
    expect((await (await playlist('&category_id=2')).text()).match(/#EXTINF/g)).toHaveLength(2);
  });

  it('is compressed for who wants it', async () => {
    const plain = await (await playlist()).text();
    const compressed = await gateway.ask(`/get.php?${queryOf()}`, { headers: { 'Accept-Encoding': 'gzip' } });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(gunzipSync(Buffer.from(await compressed.arrayBuffer())).toString()).toBe(plain);
  });

  it('is not sent for HEAD', async () => {
    const head = await gateway.ask(`/get.php?${queryOf()}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'audio/x-mpegurl', '']);
  });
});
