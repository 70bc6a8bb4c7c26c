import { afterEach, describe, expect, it } from '@jest/globals';
import { EnginePool, type EngineStatus } from '../../../src/engine/engine-pool.ts';
import { type Answer, json, refusingUrl, ScriptedEngine } from '../support/scripted-engine.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const HASH = 'a'.repeat(40);
const ID = 'b'.repeat(40);
const OTHER = 'c'.repeat(40);
const NEVER_MS = 1e9;

const VERSION = json({ result: { version: '3.2.3', platform: 'linux' } });
const HEALTHY: Record<string, Answer> = {
  '/webui/api/service': VERSION,
  '/server/api': json({ result: { connected: true } }),
  '/ace/cmd/1': json({ response: 'ok' }),
};

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function engine(answers = HEALTHY): Promise<ScriptedEngine> {
  const server = await ScriptedEngine.start({ ...answers });
  cleanUps.push(() => server.close());
  return server;
}

function poolOf(...urls: string[]): { pool: EnginePool; changes: EngineStatus[] } {
  return poolWith({ urls });
}

function poolWith({ urls = [] as string[], maxSessions = 100, now = performance.now.bind(performance) }): {
  pool: EnginePool;
  changes: EngineStatus[];
} {
  const changes: EngineStatus[] = [];
  const pool = new EnginePool(urls, NEVER_MS, maxSessions, status => changes.push(status), now);
  cleanUps.push(() => pool.close());
  return { pool, changes };
}

async function healthyPool(): Promise<{ pool: EnginePool; server: ScriptedEngine }> {
  const server = await engine();
  const { pool } = poolOf(server.url);
  await pool.check();
  return { pool, server };
}

describe('the health of engines', () => {
  it('is unknown until they were checked', async () => {
    const { pool, changes } = poolOf((await engine()).url);
    expect(pool.status()).toMatchObject([
      { healthy: false, problem: 'It was not checked yet.', version: undefined, sessions: 0 },
    ]);
    expect(changes).toEqual([]);
  });

  it('is checked once more before it is said that no engine is healthy', async () => {
    const server = await engine();
    let nowMs = 0;
    const { pool } = poolWith({ urls: [server.url], now: () => nowMs });
    expect((await within('the first engine', pool.firstHealthy()))!.url).toBe(server.url);
    const asked = server.requests.length;
    expect((await within('the healthy engine', pool.firstHealthy()))!.url).toBe(server.url);
    expect(server.requests).toHaveLength(asked);
    server.answers['/server/api'] = json({ result: { connected: false } });
    await pool.check();
    server.answers['/server/api'] = json({ result: { connected: true } });
    // What was found a moment ago still counts, so that refusals come quickly.
    expect(await within('no engine', pool.firstHealthy())).toBeUndefined();
    nowMs += 1_000;
    expect((await within('the engine that is back', pool.firstHealthy()))!.url).toBe(server.url);
  });

  it('is found by version and network, without opening a session, and told once', async () => {
    const server = await engine();
    const { pool, changes } = poolOf(server.url);
    await pool.check();
    await pool.check();
    expect(pool.status()).toEqual([
      { url: server.url, healthy: true, version: '3.2.3', problem: undefined, sessions: 0 },
    ]);
    expect(changes).toHaveLength(1);
    expect(new Set(server.paths)).toEqual(new Set(['/webui/api/service', '/server/api']));
  });

  it('is bad without a network, and told when it changes', async () => {
    const server = await engine();
    const { pool, changes } = poolOf(server.url);
    await pool.check();
    server.answers['/server/api'] = json({ result: { connected: false } });
    await pool.check();
    expect(pool.status()[0]).toMatchObject({ healthy: false, problem: 'The engine has no network connection.' });
    server.answers['/server/api'] = json({ result: { connected: true } });
    await pool.check();
    expect(changes.map(({ healthy }) => healthy)).toEqual([true, false, true]);
  });

  it('is good where the engine does not know the question about its network', async () => {
    const { pool } = poolOf((await engine({ '/webui/api/service': VERSION })).url);
    await pool.check();
    expect(pool.status()[0]!.healthy).toBe(true);
  });

  it('is bad where nothing listens, and says why, once, at the first check too', async () => {
    const url = await refusingUrl();
    const { pool, changes } = poolOf(url);
    await pool.check();
    await pool.check();
    expect(pool.status()[0]).toMatchObject({ healthy: false, problem: expect.stringContaining('cannot be reached') });
    expect(changes).toEqual([
      { url, healthy: false, version: undefined, problem: expect.stringContaining('cannot be reached'), sessions: 0 },
    ]);
  });

  it('is asked once by callers at the same time', async () => {
    const { pool, server } = await healthyPool();
    const before = server.requests.length;
    await Promise.all([pool.check(), pool.check(), pool.check()]);
    expect(server.requests.length - before).toBe(2);
  });

  it('is asked at once when the checks begin', async () => {
    const { pool, changes } = poolOf((await engine()).url);
    pool.start();
    await until('the first check', () => changes.length === 1);
  });

  it('decides which engine is first: the order of the configuration, sick ones left out', async () => {
    const sick = await refusingUrl();
    const second = await engine();
    const third = await engine();
    const { pool } = poolOf(sick, second.url, third.url);
    await pool.check();
    expect((await pool.firstHealthy())!.url).toBe(second.url);
    expect((await pool.lease(0, HASH)).engineUrl).toBe(second.url);
    expect(pool.status().map(({ sessions }) => sessions)).toEqual([0, 1, 0]);
  });
});

describe('leases', () => {
  it('are told apart by number and player id', async () => {
    const { pool, server } = await healthyPool();
    const first = await pool.lease(0, HASH);
    const second = await pool.lease(1, OTHER);
    expect(first).toMatchObject({ engineUrl: server.url, pid: expect.stringMatching(/^[\w-]{8,}$/) });
    expect(second.leaseId).not.toBe(first.leaseId);
    expect(second.pid).not.toBe(first.pid);
    expect(pool.leased).toBe(2);
    expect(pool.status()[0]!.sessions).toBe(2);
  });

  it('are refused while a content is played with other options, and granted once it is over', async () => {
    const { pool } = await healthyPool();
    const lease = await pool.lease(0, `${HASH}?quality=1`);
    for (const key of [HASH, `${HASH}?quality=2`, `${HASH}?quality=1`])
      expect(await failureOf(() => pool.lease(1, key))).toMatchObject({ code: 'content_busy' });
    pool.release(lease.leaseId);
    expect(pool.leased).toBe(0);
    expect(await pool.lease(1, HASH)).toMatchObject({ leaseId: expect.any(Number) });
  });

  it('are refused for a content that runs under another name', async () => {
    const { pool } = await healthyPool();
    const lease = await pool.lease(0, ID);
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    expect(await failureOf(() => pool.lease(1, HASH))).toMatchObject({ code: 'content_busy' });
    expect(await failureOf(() => pool.lease(1, `${HASH}?quality=1`))).toMatchObject({ code: 'content_busy' });
  });

  it('may be released twice, and known no more sessions are', async () => {
    const { pool } = await healthyPool();
    const lease = await pool.lease(0, ID);
    pool.release(lease.leaseId);
    pool.release(lease.leaseId);
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    expect(pool.runningKey(HASH)).toBeUndefined();
  });

  it('look again for an engine that was down', async () => {
    const server = await engine();
    const { pool } = poolOf(server.url);
    expect((await within('the lease', pool.lease(0, HASH))).engineUrl).toBe(server.url);
  });

  it('are refused when no engine is healthy, naming every problem once and no address', async () => {
    const urls = [
      await refusingUrl(),
      await refusingUrl(),
      (await engine({ ...HEALTHY, '/server/api': json({ result: { connected: false } }) })).url,
    ];
    const { pool } = poolOf(...urls);
    const error = await failureOf(() => pool.lease(0, HASH));
    expect(error).toMatchObject({ code: 'engine_unavailable' });
    for (const problem of ['cannot be reached', 'no network']) expect(String(error).split(problem)).toHaveLength(2);
    for (const url of urls) expect(String(error)).not.toContain(new URL(url).port);
    expect(String(error)).not.toContain('127.0.0.1');
  });

  it('are refused at the limit of the process, whichever shard asks, and granted once one is given back', async () => {
    const server = await engine();
    const { pool } = poolWith({ urls: [server.url], maxSessions: 2 });
    const first = await pool.lease(0, HASH);
    await pool.lease(1, OTHER);
    for (const shard of [0, 1, 2])
      expect(await failureOf(() => pool.lease(shard, ID))).toMatchObject({ code: 'streams_full' });
    expect(pool.leased).toBe(2);
    pool.release(first.leaseId);
    expect(await pool.lease(2, ID)).toMatchObject({ leaseId: expect.any(Number) });
    expect(await failureOf(() => pool.lease(0, HASH))).toMatchObject({ code: 'streams_full' });
  });

  it('never exceed the limit when many ask at the same time', async () => {
    const server = await engine();
    const { pool } = poolWith({ urls: [server.url], maxSessions: 3 });
    const outcomes = await within(
      'all leases',
      Promise.allSettled(Array.from({ length: 10 }, (_, i) => pool.lease(i % 3, i.toString(16).padStart(40, '0')))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(pool.leased).toBe(3);
  });

  it('are refused where there are no engines at all', async () => {
    expect(await failureOf(() => poolOf().pool.lease(0, HASH))).toMatchObject({ code: 'engine_disabled' });
  });
});

describe('the key under which a content runs', () => {
  it('is that of the first viewer, also for those who name it otherwise', async () => {
    const { pool } = await healthyPool();
    const lease = await pool.lease(0, ID);
    expect(pool.runningKey(HASH)).toBeUndefined();
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    expect(pool.runningKey(HASH)).toBe(ID);
    pool.release(lease.leaseId);
    expect(pool.runningKey(HASH)).toBeUndefined();
  });

  it('is that with the same options, and never that of another content', async () => {
    const { pool } = await healthyPool();
    const lease = await pool.lease(0, `${ID}?quality=1`);
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    expect(pool.runningKey(`${HASH}?quality=1`)).toBe(`${ID}?quality=1`);
    expect(pool.runningKey(`${HASH}?quality=2`)).toBeUndefined();
    expect(pool.runningKey(`${OTHER}?quality=1`)).toBeUndefined();
  });

  it('is not that of a run with more options than are asked for', async () => {
    const { pool } = await healthyPool();
    const lease = await pool.lease(0, `${ID}?quality=1&transcode_audio=1`);
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    for (const canonical of [HASH, `${HASH}?transcode_audio=1`, `${HASH}?quality=1`])
      expect(pool.runningKey(canonical)).toBeUndefined();
    expect(pool.runningKey(`${HASH}?quality=1&transcode_audio=1`)).toBe(`${ID}?quality=1&transcode_audio=1`);
  });
});

describe('what a dead shard held', () => {
  it('is taken back, its sessions are stopped, and the other shards keep theirs', async () => {
    const { pool, server } = await healthyPool();
    const opened = await pool.lease(1, HASH);
    pool.sessionOpened(opened.leaseId, HASH, '/ace/cmd/1');
    await pool.lease(1, OTHER);
    await pool.lease(0, ID);
    await within('reclaim', pool.reclaim(1));
    expect(pool.leased).toBe(1);
    expect(server.requests.filter(({ pathname }) => pathname === '/ace/cmd/1').map(url => url.search)).toEqual([
      '?method=stop',
    ]);
    expect(await pool.lease(0, HASH)).toBeDefined();
    expect(await failureOf(() => pool.lease(0, ID))).toMatchObject({ code: 'content_busy' });
  });

  it('stays leased until the engine has answered the stop', async () => {
    const { pool, server } = await healthyPool();
    let answer: () => void = () => {};
    server.answers['/ace/cmd/1'] = (request, response) => {
      answer = () => json({ response: 'ok' })(request, response);
    };
    const lease = await pool.lease(1, HASH);
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    const reclaimed = pool.reclaim(1);
    await until('the stop arrives', () => server.paths.includes('/ace/cmd/1'));
    expect(await failureOf(() => pool.lease(0, HASH))).toMatchObject({ code: 'content_busy' });
    answer();
    await within('reclaim', reclaimed);
    expect(pool.leased).toBe(0);
  });

  it('is taken back from an engine that is gone as well', async () => {
    const { pool, server } = await healthyPool();
    const lease = await pool.lease(1, HASH);
    pool.sessionOpened(lease.leaseId, HASH, '/ace/cmd/1');
    server.answers['/ace/cmd/1'] = (_, response) => response.destroy();
    await within('reclaim', pool.reclaim(1));
    expect(pool.leased).toBe(0);
  });
});
