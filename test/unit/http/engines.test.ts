import type { HttpBindings } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AppParts, createApp } from '../../../src/http/app.ts';
import { content, PoolRig } from '../support/pool-rig.ts';

let rig: PoolRig;
beforeEach(async () => {
  rig = await PoolRig.start(2);
});
afterEach(() => rig.close());

/** Asks the real routes over the real pool; whoever knows the password is the administrator. */
async function call(method: string, path: string, password = 'secret'): Promise<{ status: number; body: unknown }> {
  const app = createApp({
    engines: rig.pool,
    login: { verify: (_: unknown, given: string) => Promise.resolve(given === 'secret') },
    metrics: { request: () => {} },
    log: { debug: () => {} },
    trustedProxies: [],
    aceAllow: [],
    health: { version: 'test' },
  } as unknown as AppParts);
  const env = { incoming: { socket: { remoteAddress: '127.0.0.1' }, headers: {} } } as unknown as HttpBindings;
  const headers = password === '' ? {} : { authorization: `Bearer ${password}` };
  const answer = await app.request(path, { method, headers }, env);
  return { status: answer.status, body: await answer.json() };
}

const idOf = (place: number): string => new URL(rig.servers[place]!.url).host;

describe('the routes of engines', () => {
  it('show every engine, and how many requests wait', async () => {
    for (let n = 0; n < 4; n++) await rig.ask(content(n));
    rig.pool.leases.flowing(0, 1);
    await rig.ask(content(4));
    await rig.setOnline(1, false);
    rig.ask(content(9), { waitMs: 60_000 }).catch(() => {});
    const well = { version: '3.2.3', capacity: { sessions: 4, starts: 2 }, breaker: 'closed', state: 'enabled' };
    expect(await call('GET', '/api/v1/engines')).toEqual({
      status: 200,
      body: {
        waiting_requests: 1,
        engines: [
          { ...well, id: idOf(0), url: rig.servers[0]!.url, healthy: true, problem: null, sessions: 3, starts: 2 },
          {
            ...well,
            id: idOf(1),
            url: rig.servers[1]!.url,
            healthy: false,
            problem: 'The engine has no network connection.',
            sessions: 2,
            starts: 2,
          },
        ],
      },
    });
  });

  it('drain an engine and enable it again, by host and port, encoded or not', async () => {
    expect(await call('POST', `/api/v1/engines/${idOf(1)}/drain`)).toMatchObject({
      status: 200,
      body: { id: idOf(1), state: 'draining' },
    });
    expect(rig.each('state')).toEqual(['enabled', 'draining']);
    expect(await call('POST', `/api/v1/engines/${encodeURIComponent(idOf(1))}/enable`)).toMatchObject({
      status: 200,
      body: { id: idOf(1), state: 'enabled' },
    });
    expect(rig.each('state')).toEqual(['enabled', 'enabled']);
  });

  it.each(['drain', 'enable'])('answer 404 with a code when there is nothing to %s', async action => {
    expect(await call('POST', `/api/v1/engines/nowhere:6878/${action}`)).toMatchObject({
      status: 404,
      body: { code: 'engine_not_found', status: 404 },
    });
  });

  it.each([
    ['GET', ''],
    ['POST', '/x:1/drain'],
    ['POST', '/x:1/enable'],
  ])('ask for a login, also on the machine itself: %s %s', async (method, path) => {
    for (const password of ['', 'wrong'])
      expect(await call(method, `/api/v1/engines${path}`, password)).toMatchObject({
        status: 401,
        body: { code: 'login_required', status: 401 },
      });
    expect(rig.told).toEqual([]);
  });
});
