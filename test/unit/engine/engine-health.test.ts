import { afterEach, describe, expect, it } from '@jest/globals';
import { EnginePool, type EnginePoolParts } from '../../../src/engine/engine-pool.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { HEALTHY, NEVER_MS, OFFLINE, VERSION } from '../support/pool-rig.ts';
import { type Answer, json, refusingUrl, ScriptedEngine } from '../support/scripted-engine.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const HASH = 'a'.repeat(40);
const REQUEST = { leaseId: 1, content: HASH, avoid: [], waitMs: 0 };

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function engine(answers: Record<string, Answer> = HEALTHY): Promise<ScriptedEngine> {
  const server = await ScriptedEngine.start({ ...answers });
  cleanUps.push(() => server.close());
  return server;
}

/** A pool that has checked nothing yet, and the changes of health that it told. */
function poolOf(urls: readonly string[], parts: Partial<EnginePoolParts> = {}) {
  const changes: boolean[] = [];
  const ignore = (): void => {};
  const pool = new EnginePool({
    urls,
    checkIntervalMs: NEVER_MS,
    limits: { maxStreams: 4, maxStarts: 2 },
    events: {
      engineHealthChanged: ({ healthy }) => void changes.push(healthy),
      engineBreakerChanged: ignore,
      engineStateChanged: ignore,
      leaseGranted: ignore,
      leaseFailed: ignore,
    },
    ...parts,
  });
  cleanUps.push(() => pool.close());
  return { pool, changes };
}

describe('the health of engines', () => {
  it('is unknown until they were checked', async () => {
    const { pool, changes } = poolOf([(await engine()).url]);
    expect(pool.status()).toMatchObject([
      { healthy: false, problem: 'It was not checked yet.', version: undefined, sessions: 0 },
    ]);
    expect(changes).toEqual([]);
  });

  it('is found by version and network, without opening a session, and told once', async () => {
    const server = await engine();
    const { pool, changes } = poolOf([server.url]);
    await pool.check();
    await pool.check();
    expect(pool.status()).toEqual([
      {
        place: 0,
        id: new URL(server.url).host,
        url: server.url,
        state: 'enabled',
        healthy: true,
        version: '3.2.3',
        problem: undefined,
        breaker: 'closed',
        sessions: 0,
        starts: 0,
        limits: { maxStreams: 4, maxStarts: 2 },
      },
    ]);
    expect(changes).toEqual([true]);
    expect(new Set(server.paths)).toEqual(new Set(['/webui/api/service', '/server/api']));
  });

  it('is bad without a network, and told when it changes', async () => {
    const server = await engine();
    const { pool, changes } = poolOf([server.url]);
    await pool.check();
    server.answers['/server/api'] = OFFLINE;
    await pool.check();
    expect(pool.status()[0]).toMatchObject({ healthy: false, problem: 'The engine has no network connection.' });
    server.answers['/server/api'] = HEALTHY['/server/api']!;
    await pool.check();
    expect(changes).toEqual([true, false, true]);
  });

  it('is good where the engine does not know the question about its network', async () => {
    const { pool } = poolOf([(await engine({ '/webui/api/service': VERSION })).url]);
    await pool.check();
    expect(pool.status()[0]!.healthy).toBe(true);
  });

  it('is bad where nothing listens, and says why, once, at the first check too', async () => {
    const { pool, changes } = poolOf([await refusingUrl()]);
    await pool.check();
    await pool.check();
    expect(pool.status()[0]).toMatchObject({ healthy: false, problem: expect.stringContaining('cannot be reached') });
    expect(changes).toEqual([false]);
  });

  it('is asked once by callers at the same time', async () => {
    const server = await engine();
    const { pool } = poolOf([server.url]);
    await Promise.all([pool.check(), pool.check(), pool.check()]);
    expect(server.requests).toHaveLength(2);
  });

  it('is asked at once when the checks begin, and again after each interval until the pool is closed', async () => {
    const server = await engine();
    const clock = new FakeClock();
    const { pool, changes } = poolOf([server.url], { checkIntervalMs: 10_000, clock });
    pool.start();
    await until('the first check', () => changes.length === 1);
    await pool.check();
    const before = server.requests.length;
    clock.advance(9_999);
    expect(server.requests).toHaveLength(before);
    server.answers['/server/api'] = OFFLINE;
    clock.advance(1);
    await until('the next check', () => changes.length === 2);
    await pool.close();
    expect(clock.pending).toBe(0);
  });

  it('is not told any more once the pool is closed', async () => {
    const server = await engine();
    const { pool, changes } = poolOf([server.url]);
    await pool.check();
    server.answers = { '*': () => {} };
    const checking = pool.check();
    await pool.close();
    await within('the check that was under way', checking);
    expect(changes).toEqual([true]);
  });

  it('names engines by host and port, also where the port is the usual one', () => {
    const urls = ['http://engine', 'https://engine', 'http://[::1]:6878', 'http://10.0.0.1:6878'];
    expect(
      poolOf(urls)
        .pool.status()
        .map(({ id }) => id),
    ).toEqual(['engine:80', 'engine:443', '[::1]:6878', '10.0.0.1:6878']);
  });
});

describe('a pool that knows no healthy engine', () => {
  it('looks again before it refuses a lease', async () => {
    const server = await engine();
    const { pool } = poolOf([server.url]);
    expect((await within('the lease', pool.leases.lease(0, REQUEST))).engineUrl).toBe(server.url);
  });

  it('refuses, naming every problem once and no address', async () => {
    const urls = [await refusingUrl(), await refusingUrl(), (await engine({ ...HEALTHY, '/server/api': OFFLINE })).url];
    const { pool } = poolOf(urls);
    const error = await failureOf(() => pool.leases.lease(0, { ...REQUEST, waitMs: 60_000 }));
    expect(error).toMatchObject({ code: 'engine_unavailable', retryAfterSeconds: 10 });
    for (const problem of ['cannot be reached', 'no network']) expect(String(error).split(problem)).toHaveLength(2);
    for (const url of urls) expect(String(error)).not.toContain(new URL(url).port);
    expect(String(error)).not.toContain('127.0.0.1');
    expect(pool.waiting).toBe(0);
  });

  it('looks at most once a second, so that refusals come quickly', async () => {
    const server = await engine({ ...HEALTHY, '/server/api': OFFLINE });
    const clock = new FakeClock();
    const { pool } = poolOf([server.url], { clock });
    expect(await failureOf(() => pool.leases.lease(0, REQUEST))).toMatchObject({ code: 'engine_unavailable' });
    server.answers['/server/api'] = json({ result: { connected: true } });
    clock.advance(999);
    expect(await failureOf(() => pool.leases.lease(0, REQUEST))).toMatchObject({ code: 'engine_unavailable' });
    clock.advance(1);
    expect((await within('the lease', pool.leases.lease(0, REQUEST))).engineUrl).toBe(server.url);
  });

  it('grants nothing to a request that was taken back during that look', async () => {
    const server = await engine();
    const { pool } = poolOf([server.url]);
    const refused = failureOf(() => pool.leases.lease(0, REQUEST));
    expect(pool.waiting).toBe(1);
    pool.leases.returned(0, 1, undefined);
    expect(await within('the refusal', refused)).toMatchObject({ code: 'stream_closed' });
    await pool.check();
    expect(pool.status()[0]).toMatchObject({ healthy: true, sessions: 0 });
    expect(pool.waiting).toBe(0);
  });

  it('says that AceStream is switched off where there are no engines at all', async () => {
    const { pool } = poolOf([]);
    expect(await failureOf(() => pool.leases.lease(0, REQUEST))).toMatchObject({ code: 'engine_disabled' });
    expect(await pool.healthyClients()).toEqual([]);
  });
});

describe('the engines that can be asked about a content', () => {
  it('are the healthy ones, those that take streams first', async () => {
    const servers = [await engine(), await engine({ ...HEALTHY, '/server/api': OFFLINE }), await engine()];
    const { pool } = poolOf(servers.map(({ url }) => url));
    const urls = async () => (await pool.healthyClients()).map(({ url }) => url);
    expect(await within('a look at all', urls())).toEqual([servers[0]!.url, servers[2]!.url]);
    pool.drain(pool.status()[0]!.id);
    expect(await urls()).toEqual([servers[2]!.url, servers[0]!.url]);
  });
});
