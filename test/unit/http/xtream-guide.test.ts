import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { HttpBindings } from '@hono/node-server';
import { describe, expect, it } from '@jest/globals';
import { type AppParts, createApp } from '../../../src/http/app.ts';
import type { GuidePort, ProgrammeWindow, Standing } from '../../../src/xtream/ports.ts';
import { ZonedClock } from '../../../src/xtream/zoned-clock.ts';

const NOW = 1_785_000_000;
const XML = Buffer.from('<tv><channel id="news24.es"/></tv>');
const BODIES = { identity: XML, gzip: gzipSync(XML) };

/** The real routes over a guide that notes what it is asked. */
function rig({ standing = 'active' as Standing, categoryIds = null as number[] | null } = {}) {
  const asked: unknown[] = [];
  const guide: GuidePort = {
    programmes: (channelId: number, window: ProgrammeWindow) => {
      asked.push([channelId, window]);
      const hours = Array.from({ length: Math.min(window.limit ?? 6, 6) }, (_, i) => i * 3600);
      return hours.map(after => ({
        startAt: NOW - 60 + after,
        stopAt: NOW + 3540 + after,
        title: `At ${after}`,
        description: null,
      }));
    },
    xmltvFor: selection => {
      asked.push(selection);
      return Promise.resolve({
        etags: { identity: '"one"', gzip: '"one-gz"' },
        lastModified: new Date(NOW * 1000),
        bytes: { identity: XML.length, gzip: BODIES.gzip.length },
        open: encoding => Readable.from([BODIES[encoding]]),
      });
    },
  };
  const account = {
    id: 1,
    expiresAt: null,
    maxConnections: 1,
    isTrial: false,
    formats: ['ts'],
    categoryIds,
    createdAt: 0,
  };
  const app = createApp({
    metrics: { request: () => {} },
    log: { debug: () => {} },
    health: { version: 'test' },
    trustedProxies: [],
    aceAllow: [],
    xtream: {
      logins: { verify: () => Promise.resolve({ kind: 'ok', account, standing }) },
      catalog: {
        channel: (id: number) =>
          id === 9 ? undefined : { id, name: 'News', categoryId: 1, enabled: id !== 8, guideId: `guide${id}` },
      },
      guide,
      clock: new ZonedClock('UTC'),
      nowSeconds: () => NOW,
    },
  } as unknown as AppParts);
  const ask = async (route: string, headers: Record<string, string> = {}) => {
    const env = { incoming: { socket: { remoteAddress: '127.0.0.1' }, headers: {} } } as unknown as HttpBindings;
    return app.request(route, { headers }, env);
  };
  return { asked, ask };
}

const CREDENTIALS = 'username=u&password=p';

describe('the guide of a channel over HTTP', () => {
  const listings = async (query: string, options?: Parameters<typeof rig>[0]) => {
    const { ask, asked } = rig(options);
    const answer = await ask(`/player_api.php?${CREDENTIALS}&${query}`);
    return { asked, body: (await answer.json()) as { epg_listings: { now_playing: number; channel_id: string }[] } };
  };

  it.each([
    ['', 4],
    ['&limit=2', 2],
    ['&limit=0', 4],
    ['&limit=none', 4],
  ])('in short (%s) is asked from now on, for %i programmes', async (limit, count) => {
    const { asked, body } = await listings(`action=get_short_epg&stream_id=5${limit}`);
    expect(asked).toEqual([[5, { fromS: NOW, limit: count }]]);
    expect(body.epg_listings).toHaveLength(count);
    expect(body.epg_listings[0]).toMatchObject({ now_playing: 1, channel_id: 'guide5' });
    expect(body.epg_listings[1]!.now_playing).toBe(0);
  });

  it('as a whole is asked from a day ago on', async () => {
    const { asked } = await listings('action=get_simple_data_table&stream_id=5');
    expect(asked).toEqual([[5, { fromS: NOW - 86_400 }]]);
  });

  it('comes by channel where several are asked for', async () => {
    const { body } = await listings('action=get_short_epg&stream_id=5,9,x,6&limit=1');
    expect(Object.entries(body.epg_listings).map(([id, rows]) => [id, (rows as unknown as unknown[]).length])).toEqual([
      ['5', 1],
      ['6', 1],
      ['9', 0],
    ]);
  });

  it.each([
    ['a channel that is off', 'action=get_short_epg&stream_id=8', {}],
    ['a channel that there is not', 'action=get_short_epg&stream_id=9', {}],
    ['another category', 'action=get_simple_data_table&stream_id=5', { categoryIds: [2] }],
    ['an expired account', 'action=get_simple_data_table&stream_id=5', { standing: 'expired' as const }],
  ])('is not even looked for: %s', async (_, query, options) => {
    const { asked, body } = await listings(query, options);
    expect([asked, body]).toEqual([[], { epg_listings: [] }]);
  });
});

describe('the guide as XMLTV over HTTP', () => {
  it('is that of the channels that the account may see', async () => {
    for (const [categoryIds, selection] of [
      [null, 'all'],
      [[3, 4], { categoryIds: [3, 4] }],
    ] as const) {
      const { ask, asked } = rig({ categoryIds: categoryIds && [...categoryIds] });
      const answer = await ask(`/xmltv.php?${CREDENTIALS}`);
      expect(await answer.text()).toBe(XML.toString());
      expect(answer.headers.get('content-length')).toBe(String(XML.length));
      expect(asked).toEqual([selection]);
    }
  });

  it('is sent compressed, or as a compressed file, each with its own tag', async () => {
    const { ask } = rig();
    const compressed = await ask(`/xmltv.php?${CREDENTIALS}`, { 'Accept-Encoding': 'gzip' });
    expect([compressed.headers.get('content-encoding'), compressed.headers.get('etag')]).toEqual(['gzip', '"one-gz"']);
    const file = await ask(`/xmltv.php?${CREDENTIALS}&gzip=1`);
    expect([file.headers.get('content-encoding'), file.headers.get('content-type')]).toEqual([
      null,
      'application/octet-stream',
    ]);
    expect(Buffer.from(await file.arrayBuffer())).toEqual(BODIES.gzip);
  });

  it.each([
    ['"one"', 304],
    ['W/"one"', 304],
    ['"zero", "one"', 304],
    ['*', 304],
    ['"two"', 200],
    ['"one-gz"', 200],
  ])('to who has %s is answered with %i', async (known, status) => {
    expect((await rig().ask(`/xmltv.php?${CREDENTIALS}`, { 'If-None-Match': known })).status).toBe(status);
  });

  it('of an account that may not watch is a document without channels', async () => {
    const { ask, asked } = rig({ standing: 'banned' });
    const answer = await ask(`/xmltv.php?${CREDENTIALS}`);
    expect([answer.status, await answer.text()]).toEqual([
      200,
      expect.stringMatching(/^<\?xml[^>]*>\n<tv [^>]*><\/tv>\n$/),
    ]);
    expect(asked).toEqual([]);
  });
});
