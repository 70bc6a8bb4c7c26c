import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until, within } from '../../helpers/until.ts';
import { Viewer, type WatchOptions } from '../../helpers/viewer.ts';
import { ALICE, INFOHASH, queryOf, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

const SOLO = { username: 'solo', password: 'longenough' };
const KIDS = { username: 'kids', password: 'longenough' };

let gateway: XtreamGateway;
const viewers: Viewer[] = [];
beforeAll(async () => {
  gateway = await startXtream();
  await gateway.gateway.accounts.create({ ...SOLO, maxConnections: 1 });
  await gateway.gateway.accounts.create({ ...KIDS, categoryIds: [3] });
});
afterEach(async () => {
  for (const viewer of viewers.splice(0)) viewer.leave();
  await until('all viewers to be gone', async () => (await status()).clients === 0);
});
afterAll(() => gateway.close());

const status = async () => (await (await gateway.call('/ace/status')).json()) as { streams: number; clients: number };
const sessionsOf = async (login = SOLO) =>
  Number((await gateway.playerJson<{ user_info: { active_cons: string } }>('', login)).user_info.active_cons);

function watch(path: string, options?: WatchOptions): Viewer {
  const viewer = new Viewer(gateway.port, path, options);
  viewers.push(viewer);
  return viewer;
}

const live = (file: string, { username, password } = ALICE) =>
  `/live/${username}/${encodeURIComponent(password)}/${file}`;
const short = (file: string) => live(file).slice('/live'.length);
const query = (extra: string) => `/streaming/live.php?${queryOf()}&${extra}`;

const PLAYABLE = [
  ['/live/…/101', live('101')],
  ['/live/…/101.ts', live('101.ts')],
  ['/…/101', short('101')],
  ['/…/101.ts', short('101.ts')],
  ['//live/…/101.ts/', `/${live('101.ts')}/`],
  ['/streaming/live.php', query('stream=101&extension=ts')],
  ['/streaming/live.php without extension', query('stream=101')],
  ['a password that is not encoded', `/live/${ALICE.username}/${ALICE.password}/101.ts`],
] as const;

describe('watching a channel', () => {
  it.each(PLAYABLE)('works by %s', async (_, path) => {
    const viewer = watch(path);
    await viewer.more(200);
    expect(viewer.head).toMatch(/^HTTP\/1\.1 200 /);
    expect(viewer.head).toMatch(/Content-Type: video\/mp2t/i);
    expect(viewer.head).not.toMatch(/Content-Length/i);
    expect(viewer.check).toMatchObject({ syncErrors: 0, continuityErrors: 0 });
  });

  it.each(PLAYABLE)('is looked at by HEAD without opening anything: %s', async (_, path) => {
    const starts = gateway.engine.state().sessions.length;
    const head = await gateway.ask(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'video/mp2t', '']);
    expect(gateway.engine.state().sessions).toHaveLength(starts);
    expect(await sessionsOf(ALICE)).toBe(0);
  });

  it('gives the whole stream to who asks for a range', async () => {
    const viewer = watch(live('101.ts'), { headers: { Range: 'bytes=0-1000' } });
    await viewer.more(100);
    expect(viewer.head).toMatch(/^HTTP\/1\.1 200 /);
    expect(viewer.head).toMatch(/Accept-Ranges: none/i);
  });

  it('shares the stream with everybody who watches the same content, in whichever way', async () => {
    const all = [watch(live('101')), watch(short('101.ts')), watch(`/ace/getstream?infohash=${INFOHASH}`)];
    for (const viewer of all) await viewer.more(100);
    expect(await status()).toEqual({ streams: 1, clients: 3 });
  });

  it.each([
    ['/live/…/101.m3u8', live('101.m3u8'), 406, 'format_not_served'],
    ['/…/101.m3u8', short('101.m3u8'), 406, 'format_not_served'],
    ['/streaming/live.php', query('stream=101&extension=m3u8'), 406, 'format_not_served'],
    ['a film', live('101.mkv'), 406, 'format_not_served'],
    ['an unknown channel', live('999.ts'), 404, 'channel_not_found'],
    ['a channel that is off', live('103.ts'), 404, 'channel_not_found'],
    ['a channel of another category', live('101.ts', KIDS), 404, 'channel_not_found'],
    ['a channel without a source', live('202.ts'), 404, 'channel_without_source'],
    ['a wrong password', live('101.ts', { ...ALICE, password: 'wrong' }), 401, 'account_refused'],
    ['catch-up', `/timeshift/${ALICE.username}/x/60/2026-07-25:19-00/101.ts`, 404, 'archive_not_served'],
    ['catch-up as HLS', `/timeshift/${ALICE.username}/x/60/1785000000/101.m3u8`, 404, 'archive_not_served'],
    [
      'catch-up in another order',
      `/timeshifts/${ALICE.username}/x/60/101/2026-07-25:19-00.ts`,
      404,
      'archive_not_served',
    ],
    ['catch-up by query', `/streaming/timeshift.php?${queryOf()}&stream=101`, 404, 'archive_not_served'],
    ['a film by its path', `/movie/${ALICE.username}/x/5.mp4`, 404, 'not_found'],
    ['something that is no number', short('one.ts'), 404, 'not_found'],
  ])('is refused for %s', async (_, path, expected, code) => {
    const answer = await gateway.ask(path);
    expect([answer.status, await answer.json()]).toMatchObject([expected, { error: { code } }]);
    expect(await status()).toEqual({ streams: 0, clients: 0 });
  });

  it('is for GET and HEAD only', async () => {
    const answer = await gateway.ask(live('101.ts'), { method: 'POST' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await gateway.ask(live('101.ts'), { method: 'OPTIONS' })).status).toBe(204);
  });

  it('takes no other route the place, and no other route its', async () => {
    expect((await gateway.ask('/api/v1/engines')).status).toBe(401);
    expect((await gateway.ask('/api/v1/1234.ts')).status).toBe(401);
    expect((await gateway.ask('//api//v1/engines')).status).toBe(401);
    expect(await (await gateway.ask('/healthz/')).json()).toEqual({ status: 'ok' });
  });

  it('is answered with the reason when the source does not start', async () => {
    gateway.engine.patchContent(INFOHASH, { faults: { unknownId: {} } });
    try {
      const answer = await gateway.ask(live('101.ts'));
      expect([answer.status, await answer.json()]).toMatchObject([404, { error: { code: 'content_not_found' } }]);
    } finally {
      gateway.engine.patchContent(INFOHASH, { faults: { unknownId: null } });
    }
  });
});

describe('an account with one connection', () => {
  it('changes channels: the new one plays on, the old one ends', async () => {
    const before = watch(live('101.ts', SOLO));
    await before.more(50);
    const after = watch(live('102.ts', SOLO));
    await after.more(50);
    await within('the old channel to end', before.closed);
    await after.more(50);
    expect(await sessionsOf()).toBe(1);
  });

  it('may open one channel several times at once, as players do that tune in', async () => {
    const all = [watch(live('101.ts', SOLO)), watch(live('101', SOLO)), watch(live('101.ts', SOLO))];
    for (const viewer of all) await viewer.more(50);
    expect(await sessionsOf()).toBe(1);
  });

  it('is free again as soon as its player is gone', async () => {
    const viewer = watch(live('101.ts', SOLO));
    await viewer.more(50);
    expect(await sessionsOf()).toBe(1);
    viewer.socket.resetAndDestroy();
    await until('the session to be over', async () => (await sessionsOf()) === 0, 2_000);
  });

  it('refuses another device where the operator wants it so, and tells it why', async () => {
    const strict = await startXtream(undefined, { SESSION_POLICY: 'refuse' });
    try {
      await strict.gateway.accounts.create({ ...SOLO, maxConnections: 1 });
      const first = new Viewer(strict.port, live('101.ts', SOLO));
      await first.more(50);
      const second = await strict.ask(live('102.ts', SOLO), { headers: { 'User-Agent': 'another device' } });
      expect([second.status, await second.json()]).toMatchObject([403, { error: { code: 'sessions_full' } }]);
      await first.more(50);
      first.leave();
    } finally {
      await strict.close();
    }
  });
});
