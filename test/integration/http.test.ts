import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_PASSWORD, ask, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';

const INFOHASH = '1'.repeat(40);
const CONTENT_ID = '2'.repeat(40);

interface ErrorBody {
  error: { code: string; message: string };
}

describe('the front', () => {
  let engine: StandIn;
  let gateway: TestGateway;

  beforeAll(async () => {
    engine = await startStandIn();
    engine.putContent(INFOHASH, { kind: 'synthetic', contentId: CONTENT_ID });
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url });
  });

  afterAll(async () => {
    await gateway.close();
    await engine.close();
  });

  const status = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> =>
    (await ask(gateway.url + path, { headers, method })).status;

  it.each([
    ['/ace/getstream', 'selector_missing'],
    ['/ace/getstream/', 'selector_missing'],
    ['/ace/getstream?id=', 'selector_missing'],
    [`/ace/getstream?id=${CONTENT_ID}&infohash=${INFOHASH}`, 'selector_conflict'],
    [`/ace/getstream?id=${CONTENT_ID}&id=${CONTENT_ID}`, 'selector_conflict'],
    ['/ace/getstream?id=zzz', 'selector_malformed'],
    [`/ace/getstream?infohash=${'g'.repeat(40)}`, 'selector_malformed'],
    ['/ace/getstream?url=file:///etc/passwd', 'selector_malformed'],
    ['/ace/getstream?magnet=nonsense', 'selector_malformed'],
    [`/ace/getstream?infohash=${INFOHASH}&transcode_audio=${'1'.repeat(100)}`, 'selector_malformed'],
  ])('answers %s with 400 and %s, without asking the engine', async (path, code) => {
    const before = engine.state().counts;
    const answer = await gateway.call(path, { anonymous: true });
    expect([answer.status, ((await answer.json()) as ErrorBody).error.code]).toEqual([400, code]);
    expect(engine.state().counts.getstreamCalls).toBe(before.getstreamCalls);
  });

  it('answers HEAD at once, without asking the engine', async () => {
    const before = { ...engine.state().counts };
    for (const path of ['/ace/getstream', '/ace/getstream/']) {
      const answer = await gateway.call(`${path}?id=${CONTENT_ID}`, { method: 'HEAD', anonymous: true });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'video/mp2t']);
    }
    expect(await status('/ace/getstream', {}, 'HEAD')).toBe(400);
    const { getstreamCalls, mediaFilesCalls, sessionsStarted } = engine.state().counts;
    expect([getstreamCalls, mediaFilesCalls, sessionsStarted]).toEqual([
      before.getstreamCalls,
      before.mediaFilesCalls,
      before.sessionsStarted,
    ]);
  });

  it('refuses other methods and unknown paths with JSON', async () => {
    const post = await gateway.call(`/ace/getstream?id=${CONTENT_ID}`, { method: 'POST', anonymous: true });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const lost = await gateway.call('/nowhere', { anonymous: true });
    expect([lost.status, ((await lost.json()) as ErrorBody).error.code]).toEqual([404, 'not_found']);
  });

  it('answers what players in web pages ask beforehand', async () => {
    const answer = await gateway.call('/ace/getstream', {
      method: 'OPTIONS',
      anonymous: true,
      headers: { origin: 'http://web.example', 'access-control-request-headers': 'range' },
    });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
  });

  it('tells supervisors how it is', async () => {
    for (const path of ['/healthz', '/readyz', '/version'])
      expect((await gateway.call(path, { anonymous: true })).status).toBe(200);
    expect(await (await gateway.call('/version')).json()).toMatchObject({ name: 'sluice', node: process.version });
  });

  it('shows a stream while it is watched, and to whom', async () => {
    const viewer = gateway.watch(`id=${CONTENT_ID}`);
    await viewer.more(100);
    const all = await (await gateway.call('/ace/status', { anonymous: true })).json();
    expect(all).toEqual({ streams: 1, clients: 1 });
    for (const query of [`id=${CONTENT_ID}`, `infohash=${INFOHASH}`]) {
      const one = await (await gateway.call(`/ace/status?${query}`, { anonymous: true })).json();
      expect(one).toMatchObject({ infohash: INFOHASH, state: 'live', clients: 1 });
    }
    expect((await gateway.call(`/ace/status?id=${'9'.repeat(40)}`, { anonymous: true })).status).toBe(404);
    const one = (await (await gateway.call(`/api/aceproxy/streams/${CONTENT_ID}`)).json()) as {
      stream: { clients: Record<string, unknown>[] };
    };
    expect(one.stream.clients).toEqual([
      expect.objectContaining({ ip: '127.0.0.1', user_agent: 'test', transport: 'handoff', skips: 0 }),
    ]);
    viewer.leave();
  });

  it('lets this machine read stats and streams without a login, without addresses in them', async () => {
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(10);
    for (const path of ['/api/aceproxy/stats', '/api/aceproxy/streams']) {
      const answer = await gateway.call(path, { anonymous: true });
      const text = await answer.text();
      expect([answer.status, /127\.0\.0\.1|"clients"|user_agent/.test(text)]).toEqual([200, false]);
      expect(JSON.parse(text)).toMatchObject({ status: 'success' });
    }
    const admins = await (await gateway.call('/api/aceproxy/streams')).text();
    expect(admins).toContain('"ip":"127.0.0.1"');
    viewer.leave();
  });

  it.each([
    ['GET', `/api/aceproxy/streams/${INFOHASH}`],
    ['DELETE', `/api/aceproxy/streams/${INFOHASH}`],
    ['GET', '/api/aceproxy/statsx'],
    ['GET', '/api/anything'],
    ['GET', '/api/v1/engines'],
    ['POST', '/api/v1/engines/127.0.0.1:6878/drain'],
    ['POST', '/api/v1/engines/127.0.0.1:6878/enable'],
    ['POST', '/api/aceproxy/stats'],
  ])('asks for a login before it says anything about %s %s', async (method, path) => {
    const answer = await gateway.call(path, { method, anonymous: true });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic')]);
  });

  it('takes name and password, or the password as a bearer token, and nothing else', async () => {
    const basic = (text: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(text).toString('base64')}`,
    });
    const path = `/api/aceproxy/streams`;
    expect(await status(path, basic(`admin:${ADMIN_PASSWORD}`))).toBe(200);
    expect(await status(path, { authorization: `Bearer ${ADMIN_PASSWORD}` })).toBe(200);
    expect(await status(path, basic(`root:${ADMIN_PASSWORD}`))).toBe(401);
    expect(await status(path, basic('admin:wrong'))).toBe(401);
    expect(await status(path, { authorization: 'Bearer wrong' })).toBe(401);
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-forwarded-host'])(
    'never takes a request with %s from an unknown proxy for a local one',
    async header => {
      const headers = { [header]: header === 'forwarded' ? 'for=127.0.0.1' : '127.0.0.1' };
      expect(await status(`/ace/getstream?id=${CONTENT_ID}`, headers)).toBe(403);
      expect(await status('/ace/status', headers)).toBe(403);
      expect(await status('/metrics', headers)).toBe(403);
      expect(await status('/api/aceproxy/stats', headers)).toBe(401);
    },
  );

  it('offers metrics without addresses, agents or free text in labels', async () => {
    const text = await (await gateway.call('/metrics')).text();
    for (const name of ['sluice_streams', 'sluice_readers', 'sluice_upstream_bytes_total', 'process_cpu_seconds_total'])
      expect(text).toContain(`\n# TYPE ${name} `);
    expect(text).not.toMatch(/127\.0\.0\.1|[0-9a-f]{40}/);
  });

  it('writes neither passwords nor queries into its log', async () => {
    await until('the last viewer to be logged off', () =>
      gateway.log.some(({ msg }) => msg === 'client removed, 0 remaining'),
    );
    const text = JSON.stringify(gateway.log);
    expect(text).not.toContain(ADMIN_PASSWORD);
    expect(text).not.toMatch(/\?(id|infohash|url)=/);
    expect(text).toContain('now has 1 client(s)');
  });
});

describe('a front behind a proxy it trusts', () => {
  let engine: StandIn;
  let gateway: TestGateway;

  beforeAll(async () => {
    engine = await startStandIn();
    gateway = await startGateway({
      ACESTREAM_ENGINES: engine.url,
      TRUSTED_PROXIES: '127.0.0.1',
      ACE_ALLOW: '10.0.0.0/8',
    });
  });

  afterAll(async () => {
    await gateway.close();
    await engine.close();
  });

  it.each([
    ['10.1.2.3', 200],
    ['10.1.2.3, 127.0.0.1', 200],
    ['127.0.0.1, 203.0.113.9', 403],
    ['10.1.2.3, 203.0.113.9', 403],
    ['garbage', 403],
    ['', 403],
  ])('takes the client from X-Forwarded-For %s and answers %i', async (chain, expected) => {
    const answer = await gateway.call('/ace/status', { anonymous: true, headers: { 'x-forwarded-for': chain } });
    expect(answer.status).toBe(expected);
  });

  it('goes by ACE_ALLOW instead of the private ranges', async () => {
    expect((await gateway.call('/ace/status', { anonymous: true })).status).toBe(403);
  });
});
