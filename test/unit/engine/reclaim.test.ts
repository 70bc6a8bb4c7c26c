import { afterEach, describe, expect, it } from '@jest/globals';
import type { EnginePoolParts } from '../../../src/engine/engine-pool.ts';
import { content, PoolRig, watch } from '../support/pool-rig.ts';
import { json } from '../support/scripted-engine.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const HASH = 'a'.repeat(40);
const ID = 'b'.repeat(40);
const OTHER = 'c'.repeat(40);

const rigs: PoolRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(engines = 1, parts: Partial<EnginePoolParts> = {}): Promise<PoolRig> {
  const rig = await PoolRig.start(engines, parts);
  rigs.push(rig);
  return rig;
}

/** A lease whose session is open. */
async function opened(rig: PoolRig, name: string, shard: number, commandPath = '/ace/cmd/1'): Promise<void> {
  const { leaseId } = await rig.ask(name, { shard });
  rig.pool.leases.sessionOpened(shard, leaseId, content(leaseId), commandPath);
}

/** Holds stops back until the test lets them be answered. */
function holdStops(rig: PoolRig, ...paths: string[]): () => void {
  const answers: (() => void)[] = [];
  for (const path of paths)
    rig.servers[0]!.answers[path] = (request, response) => {
      answers.push(() => json({ response: 'ok' })(request, response));
    };
  return () => {
    for (const answer of answers) answer();
  };
}

describe('what a dead shard held', () => {
  it('is taken back, its sessions are stopped, and the other shards keep theirs', async () => {
    const rig = await start();
    await opened(rig, HASH, 1);
    await rig.running(OTHER, { shard: 1 });
    await rig.running(ID, { shard: 0 });
    await within('reclaim', rig.pool.leases.reclaim(1));
    expect(rig.pool.status()[0]).toMatchObject({ sessions: 1, starts: 0 });
    const stops = rig.servers[0]!.requests.filter(({ pathname }) => pathname === '/ace/cmd/1');
    expect(stops.map(url => url.search)).toEqual(['?method=stop']);
    await rig.ask(HASH, { shard: 0 });
    expect(await failureOf(() => rig.ask(ID, { shard: 0 }))).toMatchObject({ code: 'content_busy' });
  });

  it('frees its starts at once, and the content only when the engine has answered the stop', async () => {
    const rig = await start(1, { limits: { maxStreams: 4, maxStarts: 1 } });
    const answer = holdStops(rig, '/ace/cmd/1');
    await opened(rig, HASH, 1);
    const waiting = rig.ask(OTHER, { shard: 0, waitMs: 10_000 });
    const reclaimed = rig.pool.leases.reclaim(1);
    await within('the one who waits', waiting);
    await until('the stop arrives', () => rig.servers[0]!.paths.includes('/ace/cmd/1'));
    expect(rig.pool.status()[0]).toMatchObject({ sessions: 2, starts: 1 });
    expect(await failureOf(() => rig.ask(HASH, { shard: 0 }))).toMatchObject({ code: 'content_busy' });
    answer();
    await within('reclaim', reclaimed);
    expect(rig.each('sessions')).toEqual([1]);
  });

  it('is stopped all at once, so that engines that hang cost the time of one', async () => {
    const rig = await start();
    const paths = ['/ace/cmd/1', '/ace/cmd/2', '/ace/cmd/3'];
    const answer = holdStops(rig, ...paths);
    for (const [n, path] of paths.entries()) {
      await opened(rig, content(0xe0 + n), 1, path);
      rig.pool.leases.flowing(1, rig.lastLease);
    }
    const reclaimed = rig.pool.leases.reclaim(1);
    await until('all stops arrive', () => paths.every(path => rig.servers[0]!.paths.includes(path)));
    answer();
    await within('reclaim', reclaimed);
    expect(rig.each('sessions')).toEqual([0]);
  });

  it('is taken back from an engine that is gone as well', async () => {
    const rig = await start();
    await opened(rig, HASH, 1);
    rig.servers[0]!.answers['/ace/cmd/1'] = (_, response) => response.destroy();
    await within('reclaim', rig.pool.leases.reclaim(1));
    expect(rig.pool.status()[0]).toMatchObject({ sessions: 0, starts: 0 });
  });

  it('does not count as a failure of the engine', async () => {
    const rig = await start();
    for (let i = 0; i < 5; i++) {
      await rig.ask(content(i), { shard: 1 });
      await rig.pool.leases.reclaim(1);
    }
    expect(rig.each('breaker')).toEqual(['closed']);
  });
});

describe('what a dead shard waited for', () => {
  it('is forgotten before its own leases free a start', async () => {
    const rig = await start(1, { limits: { maxStreams: 4, maxStarts: 1 } });
    await rig.ask(HASH, { shard: 1 });
    const dead = watch(rig.ask(OTHER, { shard: 1, waitMs: 10_000 }));
    const alive = rig.ask(ID, { shard: 0, waitMs: 10_000 });
    await within('reclaim', rig.pool.leases.reclaim(1));
    expect(dead.error).toMatchObject({ code: 'link_closed' });
    expect((await within('the shard that lives', alive)).leaseId).toBe(rig.lastLease);
    expect([rig.each('sessions'), rig.pool.waiting]).toEqual([[1], 0]);
  });

  it('can be asked for again by its successor, with the same numbers', async () => {
    const rig = await start();
    await rig.ask(HASH, { shard: 1, leaseId: 1 });
    await rig.pool.leases.reclaim(1);
    expect(await rig.ask(HASH, { shard: 1, leaseId: 1 })).toMatchObject({ leaseId: 1 });
  });
});
