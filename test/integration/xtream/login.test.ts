import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ALICE, queryOf, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

let gateway: XtreamGateway;
beforeAll(async () => {
  gateway = await startXtream();
  const { accounts } = gateway.gateway;
  const password = 'longenough';
  await accounts.create({ username: 'late', password, expiresAt: 1_700_000_000 });
  await accounts.create({ username: 'off', password, status: 'disabled' });
  await accounts.create({ username: 'out', password, status: 'banned' });
});
afterAll(() => gateway.close());

const digits = z.string().regex(/^\d+$/);

/** What a login answers, field by field and no other. */
const LOGIN = z.strictObject({
  user_info: z.strictObject({
    username: z.string(),
    password: z.string(),
    message: z.string(),
    auth: z.literal(1),
    status: z.enum(['Active', 'Expired', 'Banned', 'Disabled']),
    exp_date: digits,
    is_trial: z.enum(['0', '1']),
    active_cons: digits,
    created_at: digits,
    max_connections: digits,
    allowed_output_formats: z.tuple([z.literal('ts')]),
  }),
  server_info: z.strictObject({
    url: z.string().regex(/^[\w.-]+$/),
    port: digits,
    https_port: z.union([digits, z.literal('')]),
    server_protocol: z.enum(['http', 'https']),
    rtmp_port: digits,
    timezone: z.string(),
    timestamp_now: z.int(),
    time_now: z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    process: z.literal(true),
  }),
});

/** Sends a form, or any other body. */
function post(route: string, body: string, type = 'application/x-www-form-urlencoded'): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) };
    const outgoing = request(gateway.url + route, { method: 'POST', headers, agent: false }, async answer => {
      const text = Buffer.concat(await answer.toArray()).toString('utf8');
      resolve(answer.statusCode === 200 ? JSON.parse(text) : answer.statusCode);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const login = async (route: string) => LOGIN.parse(await (await gateway.ask(route)).json());

describe('a login', () => {
  it('has exactly the fields and types that players insist on, and the credentials as they were sent', async () => {
    const answer = await gateway.player();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { user_info, server_info } = LOGIN.parse(await answer.json());
    expect(user_info).toMatchObject({ ...ALICE, status: 'Active', active_cons: '0', max_connections: '999999' });
    expect(server_info).toMatchObject({ url: '127.0.0.1', port: String(gateway.port), server_protocol: 'http' });
  });

  it('is the same by GET, by a form, by an empty body behind a query, by an empty object and by JSON', async () => {
    const expected = (await login(`/player_api.php?${queryOf()}`)).user_info;
    const answers = [
      await post('/player_api.php', queryOf()),
      await post(`/player_api.php?${queryOf()}`, ''),
      await post(`/player_api.php?${queryOf()}`, '{}', 'application/json'),
      await post('/player_api.php', JSON.stringify(ALICE), 'application/json'),
      await post(`/player_api.php?username=${ALICE.username}`, `password=${ALICE.password}&username=other`),
    ];
    for (const answer of answers) expect(LOGIN.parse(answer).user_info).toEqual(expected);
  });

  it.each([['/player_api.php/'], ['//player_api.php'], ['//player_api.php//'], ['/xtream']])(
    'works at %s, too',
    async route => {
      expect((await login(`${route}?${queryOf()}`)).user_info.username).toBe(ALICE.username);
    },
  );

  it.each([['get_account_info'], ['get_profile'], ['get_server_info'], ['get_user_info'], ['garbage'], ['']])(
    'is what action=%s gets',
    async action => {
      await login(`/player_api.php?${queryOf()}&action=${action}`);
    },
  );

  it('tells the time twice, and both agree with the time zone', async () => {
    const { server_info } = await login(`/player_api.php?${queryOf()}`);
    const shown = new Date(server_info.timestamp_now * 1000).toLocaleString('sv-SE', { timeZone: 'Europe/Madrid' });
    expect(server_info).toMatchObject({ timezone: 'Europe/Madrid', time_now: shown });
    expect(Math.abs(server_info.timestamp_now - Date.now() / 1000)).toBeLessThan(60);
  });

  it.each([
    ['late', 'Expired'],
    ['off', 'Disabled'],
    ['out', 'Banned'],
  ])('of "%s" works, says %s, and finds every list empty', async (username, status) => {
    const account = { username, password: 'longenough' };
    const { user_info } = LOGIN.parse(await gateway.playerJson('', account));
    expect(user_info.status).toBe(status);
    if (username === 'late') expect(user_info.exp_date).toBe('1700000000');
    for (const action of ['get_live_streams', 'get_live_categories', 'get_vod_streams', 'get_series'])
      expect(await gateway.playerJson(`action=${action}`, account)).toEqual([]);
    for (const action of ['get_short_epg', 'get_simple_data_table'])
      expect(await gateway.playerJson(`action=${action}&stream_id=101`, account)).toEqual({ epg_listings: [] });
    const list = await gateway.ask(`/get.php?${queryOf(account)}`);
    expect((await list.text()).match(/#EXTINF/g)).toBeNull();
    const watched = await gateway.ask(`/live/${username}/longenough/101.ts`);
    expect([watched.status, await watched.json()]).toMatchObject([403, { error: { code: 'account_inactive' } }]);
  });

  it('is answered at once for HEAD and for what browsers ask first', async () => {
    const head = await gateway.ask('/player_api.php', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const asked = await gateway.ask('/player_api.php', {
      method: 'OPTIONS',
      headers: { Origin: 'https://web.example', 'Access-Control-Request-Headers': 'x-thing' },
    });
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-headers')).toBe('x-thing');
    const answer = await gateway.ask(`/player_api.php?${queryOf()}`, { headers: { Origin: 'https://web.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://web.example');
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
    expect(answer.headers.get('vary')).toContain('Origin');
  });

  it('takes no body larger than players send', async () => {
    expect(await post('/player_api.php', `${queryOf()}&x=${'x'.repeat(70_000)}`)).toBe(413);
  });

  it('can say null for an account that never expires', async () => {
    const other = await startXtream(undefined, { XTREAM_NULL_EXPIRY: 'true' });
    try {
      expect(await other.playerJson()).toMatchObject({ user_info: { exp_date: null } });
    } finally {
      await other.close();
    }
  });
});

describe('a refused login', () => {
  const ACTIONS = ['', 'get_live_streams', 'get_live_categories', 'get_vod_info', 'get_short_epg', '202', 'garbage'];

  it('is status 200 and auth 0 for every action, whatever is wrong with it', async () => {
    // From other addresses than the tests' own, which must not be throttled; each is asked a few times only.
    const wrong = ['username=alice&password=wrong', 'username=nobody&password=wrong', 'username=alice', ''];
    for (const [i, query] of wrong.entries()) {
      for (const action of i === 0 ? ACTIONS : ['']) {
        const answer = await gateway.ask(`/player_api.php?${query}&action=${action}`);
        expect([answer.status, await answer.json()]).toEqual([200, { user_info: { auth: 0 } }]);
      }
    }
    const panel = await gateway.ask('/panel_api.php?username=&password=');
    expect([panel.status, await panel.json()]).toEqual([200, { user_info: { auth: 0 } }]);
  });

  it('is status 401 where no JSON is expected', async () => {
    for (const route of ['/get.php', '/xmltv.php', '/live/alice//101.ts', '/streaming/live.php?stream=101'])
      expect([401, 404]).toContain((await gateway.ask(route)).status);
  });

  it('is 429 once an address has failed too often, and says when to come back', async () => {
    const other = await startXtream();
    try {
      let answer = await other.player('', { username: 'alice', password: 'wrong' });
      for (let i = 0; i < 20 && answer.status !== 429; i++)
        answer = await other.player('', { username: 'alice', password: `wrong${i}` });
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.json()).toEqual({ user_info: { auth: 0 } });
      const playlist = await other.ask(`/get.php?${queryOf({ username: 'alice', password: 'wrong' })}`);
      expect([playlist.status, playlist.headers.has('retry-after')]).toEqual([429, true]);
    } finally {
      await other.close();
    }
  });

  it('leaves no credentials in the log, and neither does one that works', async () => {
    await gateway.player();
    await gateway.ask(`/live/${ALICE.username}/${ALICE.password}/999.ts`);
    await gateway.ask(`/live/${ALICE.username}/${ALICE.password}/no-number`);
    await gateway.ask(`/get.php?${queryOf()}`);
    const text = JSON.stringify(gateway.log);
    expect(text).toContain('/player_api.php');
    expect(text).toContain('/live/:username/:password/');
    expect(text).not.toContain(ALICE.password);
    expect(text).not.toContain(encodeURIComponent(ALICE.password));
  });
});
