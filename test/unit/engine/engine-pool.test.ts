import { afterEach, describe, expect, it } from '@jest/globals';
import type { EnginePoolParts } from '../../../src/engine/engine-pool.ts';
import { content, PoolRig, watch } from '../support/pool-rig.ts';
import { failureOf, within } from '../support/waiting.ts';

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

/** Lets what was settled be seen. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('leases', () => {
  it('have the number that the shard chose, and a player id of their own', async () => {
    const rig = await start();
    const first = await rig.ask(HASH, { shard: 0, leaseId: 7 });
    const second = await rig.ask(OTHER, { shard: 1, leaseId: 7 });
    expect([first.leaseId, second.leaseId]).toEqual([7, 7]);
    expect(first).toMatchObject({ engineUrl: rig.servers[0]!.url, pid: expect.stringMatching(/^[\w-]{8,}$/) });
    expect(second.pid).not.toBe(first.pid);
    expect(rig.pool.status()[0]).toMatchObject({ sessions: 2, starts: 2 });
    rig.pool.leases.returned(1, 7, undefined);
    expect(rig.each('sessions')).toEqual([1]);
  });

  it('are refused while a content is claimed with other options, and granted once it is over', async () => {
    const rig = await start();
    const { leaseId } = await rig.ask(`${HASH}?quality=1`);
    for (const key of [HASH, `${HASH}?quality=2`, `${HASH}?quality=1`])
      expect(await failureOf(() => rig.ask(key, { shard: 1 }))).toMatchObject({ code: 'content_busy' });
    rig.pool.leases.returned(0, leaseId, undefined);
    expect(rig.each('sessions')).toEqual([0]);
    await rig.ask(HASH, { shard: 1 });
  });

  it('are refused for a content that runs under another name', async () => {
    const rig = await start();
    const { leaseId } = await rig.ask(ID);
    rig.pool.leases.sessionOpened(0, leaseId, HASH, '/ace/cmd/1');
    for (const key of [HASH, `${HASH}?quality=1`])
      expect(await failureOf(() => rig.ask(key, { shard: 1 }))).toMatchObject({ code: 'content_busy' });
  });

  it('are refused for a content that another request waits for', async () => {
    const rig = await start(1, { limits: { maxStreams: 4, maxStarts: 1 } });
    await rig.ask(HASH);
    const waiting = watch(rig.ask(OTHER, { waitMs: 1_000 }));
    expect(await failureOf(() => rig.ask(`${OTHER}?quality=1`, { waitMs: 1_000 }))).toMatchObject({
      code: 'content_busy',
    });
    expect(waiting).toEqual({});
  });

  it('may be returned twice, and what is said of them afterwards changes nothing', async () => {
    const rig = await start();
    const { leaseId } = await rig.ask(ID);
    rig.pool.leases.returned(0, leaseId, undefined);
    rig.pool.leases.returned(0, leaseId, 'engine_silent');
    rig.pool.leases.flowing(0, leaseId);
    rig.pool.leases.sessionOpened(0, leaseId, HASH, '/ace/cmd/1');
    expect(rig.pool.leases.runningKey(HASH)).toBeUndefined();
    expect(rig.pool.status()[0]).toMatchObject({ sessions: 0, starts: 0 });
    expect(rig.told).toEqual(['0 granted']);
  });

  it('are counted with the failures they ended with', async () => {
    const rig = await start(2);
    await rig.fail(1, 'no_peers', { avoid: [0] });
    expect(rig.told).toEqual(['1 granted', '1 failed no_peers']);
  });

  it('are refused to everybody once the pool is closed, those who wait included', async () => {
    const rig = await start(1, { limits: { maxStreams: 4, maxStarts: 1 } });
    await rig.ask(HASH);
    const refused = failureOf(() => rig.ask(OTHER, { waitMs: 1_000 }));
    await rig.pool.close();
    expect(await within('the one who waits', refused)).toMatchObject({ code: 'shutting_down' });
    expect(await failureOf(() => rig.ask(ID))).toMatchObject({ code: 'shutting_down' });
    expect(rig.clock.pending).toBe(0);
  });
});

describe('the choice of an engine', () => {
  it('falls on the one with the fewest sessions, then the fewest starts, then the first', async () => {
    const rig = await start(3);
    const places: number[] = [];
    const ask = async (n: number) => {
      const lease = await rig.ask(content(n));
      places.push(rig.place(lease));
      return lease;
    };
    await ask(0);
    await ask(1);
    const third = await ask(2);
    await ask(3);
    expect(places).toEqual([0, 1, 2, 0]);
    rig.pool.leases.flowing(0, third.leaseId);
    await ask(4); // Engines 1 and 2 run one each; the second of them is not starting it any more.
    expect(places.at(-1)).toBe(2);
  });

  it('leaves sick ones out', async () => {
    const rig = await start(2);
    await rig.setOnline(0, false);
    expect(rig.place(await rig.ask(HASH))).toBe(1);
  });

  it('falls on the one that ran the content last, if it was there', async () => {
    const rig = await start(2);
    const busy = await rig.running(content(1));
    const { leaseId } = await rig.running(HASH);
    rig.pool.leases.returned(0, leaseId, undefined);
    rig.pool.leases.returned(0, busy.leaseId, undefined);
    await rig.running(content(2), { avoid: [0] });
    expect(rig.each('sessions')).toEqual([0, 1]);
    expect(rig.place(await rig.ask(`${HASH}?quality=1`))).toBe(1);
  });

  it('knows the content under its infohash as well', async () => {
    const rig = await start(2);
    const { leaseId } = await rig.running(ID, { avoid: [0] });
    rig.pool.leases.sessionOpened(0, leaseId, HASH, '/ace/cmd/1');
    rig.pool.leases.returned(0, leaseId, undefined);
    expect(rig.place(await rig.ask(HASH))).toBe(1);
  });

  it.each([
    ['failed it', (rig: PoolRig, leaseId: number) => rig.pool.leases.returned(0, leaseId, 'no_peers'), {}],
    [
      'is to be avoided',
      (rig: PoolRig, leaseId: number) => rig.pool.leases.returned(0, leaseId, undefined),
      { avoid: [1] },
    ],
    [
      'is drained',
      (rig: PoolRig, leaseId: number) => {
        rig.pool.leases.returned(0, leaseId, undefined);
        rig.pool.drain(rig.pool.status()[1]!.id);
      },
      {},
    ],
  ])('does not go back to the one that ran the content last when that %s', async (_, after, asking) => {
    const rig = await start(2);
    const { leaseId } = await rig.running(HASH, { avoid: [0] });
    after(rig, leaseId);
    expect(rig.place(await rig.ask(HASH, asking))).toBe(0);
  });

  it('falls on one that can start now rather than on the one that ran the content last', async () => {
    const rig = await start(2, { limits: { maxStreams: 4, maxStarts: 1 } });
    const { leaseId } = await rig.running(HASH, { avoid: [0] });
    rig.pool.leases.returned(0, leaseId, undefined);
    await rig.ask(OTHER, { avoid: [0] });
    expect(rig.place(await rig.ask(HASH))).toBe(0);
  });

  it('avoids an engine as long as another qualifies, even one that has to be waited for', async () => {
    const rig = await start(2, { limits: { maxStreams: 4, maxStarts: 1 } });
    const { leaseId } = await rig.ask(OTHER, { avoid: [0] });
    const waiting = watch(rig.ask(HASH, { avoid: [0], waitMs: 1_000 }));
    await turn();
    expect(waiting).toEqual({});
    rig.pool.leases.flowing(0, leaseId);
    await turn();
    expect(rig.place(waiting.value!)).toBe(1);
  });

  it('prefers none of the avoided engines where there are only such, not even the one that ran the content last', async () => {
    const rig = await start(2);
    const { leaseId } = await rig.running(HASH, { avoid: [0] });
    rig.pool.leases.returned(0, leaseId, undefined);
    expect(rig.place(await rig.ask(HASH, { avoid: [0, 1] }))).toBe(0);
  });

  it('falls on an avoided engine when no other qualifies', async () => {
    const rig = await start(2);
    expect(rig.place(await rig.ask(HASH, { avoid: [0, 1] }))).toBe(0);
    rig.pool.leases.returned(0, rig.lastLease, undefined);
    await rig.setOnline(1, false);
    expect(rig.place(await rig.ask(HASH, { avoid: [0] }))).toBe(0);
  });
});

describe('the streams that an engine runs at once', () => {
  it('are limited: the next is refused at once, however long it would wait, and told which option says so', async () => {
    const rig = await start(2, { limits: { maxStreams: 2, maxStarts: 2 } });
    const leases = [];
    for (let n = 0; n < 4; n++) leases.push(await rig.running(content(n)));
    const error = await failureOf(() => rig.ask(HASH, { waitMs: 60_000 }));
    expect(error).toMatchObject({ code: 'engines_full', status: 503, retryAfterSeconds: 10 });
    expect(String(error)).toContain('ENGINE_MAX_STREAMS');
    rig.pool.leases.returned(0, leases[3]!.leaseId, undefined);
    expect(rig.place(await rig.ask(HASH))).toBe(1);
    expect(rig.each('sessions')).toEqual([2, 2]);
  });

  it('refuse those who wait as soon as no engine has room left', async () => {
    const rig = await start(1, { limits: { maxStreams: 2, maxStarts: 1 } });
    const { leaseId } = await rig.ask(content(1));
    const [next, last] = [2, 3].map(n => watch(rig.ask(content(n), { waitMs: 10_000 })));
    rig.pool.leases.flowing(0, leaseId);
    await turn();
    expect(next!.value).toBeDefined();
    expect(last!.error).toMatchObject({ code: 'engines_full' });
    expect(rig.pool.waiting).toBe(0);
  });
});

describe('the streams that an engine starts at once', () => {
  const ONE = { limits: { maxStreams: 10, maxStarts: 1 } };

  it('are limited: the next ones wait, and are served in the order in which they came', async () => {
    const rig = await start(1, ONE);
    let { leaseId } = await rig.ask(content(0));
    const waiting = [1, 2, 3].map(n => watch(rig.ask(content(n), { waitMs: 10_000 })));
    expect(rig.pool.waiting).toBe(3);
    for (const [done, next] of waiting.entries()) {
      if (done === 1) rig.pool.leases.returned(0, leaseId, 'no_peers');
      else rig.pool.leases.flowing(0, leaseId);
      await turn();
      expect(waiting.map(({ value }) => value !== undefined)).toEqual([0, 1, 2].map(i => i <= done));
      leaseId = next.value!.leaseId;
      expect(rig.each('starts')).toEqual([1]);
    }
    expect(rig.pool.waiting).toBe(0);
    rig.pool.leases.flowing(0, leaseId);
    expect(rig.clock.pending).toBe(0);
  });

  it('are waited for as long as the shard wants, and not a moment longer', async () => {
    const rig = await start(1, ONE);
    await rig.ask(HASH);
    const waiting = watch(rig.ask(OTHER, { waitMs: 5_000 }));
    rig.clock.advance(4_999);
    await turn();
    expect(waiting).toEqual({});
    rig.clock.advance(1);
    await turn();
    expect(waiting.error).toMatchObject({ code: 'engines_busy', status: 503, retryAfterSeconds: 5 });
    expect(String(waiting.error)).toContain('ENGINE_MAX_STARTS');
    expect(rig.pool.waiting).toBe(0);
    expect(await failureOf(() => rig.ask(OTHER))).toMatchObject({ code: 'engines_busy' }); // Not claimed any more.
  });

  it('refuse at once who does not want to wait', async () => {
    const rig = await start(1, ONE);
    await rig.ask(HASH);
    expect(await failureOf(() => rig.ask(OTHER))).toMatchObject({ code: 'engines_busy' });
  });

  it('are not waited for by who has taken the request back', async () => {
    const rig = await start(1, ONE);
    const { leaseId } = await rig.ask(HASH);
    const first = watch(rig.ask(OTHER, { waitMs: 5_000 }));
    const second = watch(rig.ask(ID, { waitMs: 5_000 }));
    rig.pool.leases.returned(0, rig.lastLease - 1, undefined);
    rig.pool.leases.flowing(0, leaseId);
    await turn();
    expect(first.error).toMatchObject({ code: 'stream_closed' });
    expect(second.value).toBeDefined();
    expect(rig.each('sessions')).toEqual([2]);
  });

  it('go to a later request when the first in line wants another engine', async () => {
    const rig = await start(2, ONE);
    const blocking = [await rig.ask(content(1)), await rig.ask(content(2))];
    const picky = watch(rig.ask(HASH, { avoid: [0], waitMs: 5_000 }));
    const other = watch(rig.ask(OTHER, { waitMs: 5_000 }));
    rig.pool.leases.flowing(0, blocking[0]!.leaseId);
    await turn();
    expect([picky.value, other.value && rig.place(other.value)]).toEqual([undefined, 0]);
    rig.pool.leases.flowing(0, blocking[1]!.leaseId);
    await turn();
    expect(rig.place(picky.value!)).toBe(1);
  });

  it('are taken over by an engine that becomes healthy', async () => {
    const rig = await start(2, ONE);
    await rig.setOnline(1, false);
    await rig.ask(HASH);
    const waiting = watch(rig.ask(OTHER, { waitMs: 5_000 }));
    await rig.setOnline(1, true);
    await turn();
    expect(rig.place(waiting.value!)).toBe(1);
  });

  it('are waited for although the engines become sick meanwhile, and the refusal tells of that', async () => {
    const rig = await start(1, ONE);
    await rig.ask(HASH);
    const waiting = watch(rig.ask(OTHER, { waitMs: 5_000 }));
    await rig.setOnline(0, false);
    expect(waiting).toEqual({});
    rig.clock.advance(5_000);
    await turn();
    expect(waiting.error).toMatchObject({ code: 'engine_unavailable' });
  });
});

describe('the key under which a content runs', () => {
  it('is that of the first viewer, also for those who name it otherwise', async () => {
    const rig = await start();
    const { leases } = rig.pool;
    const { leaseId } = await rig.ask(ID);
    expect(leases.runningKey(HASH)).toBeUndefined();
    leases.sessionOpened(0, leaseId, HASH, '/ace/cmd/1');
    expect(leases.runningKey(HASH)).toBe(ID);
    leases.returned(0, leaseId, undefined);
    expect(leases.runningKey(HASH)).toBeUndefined();
  });

  it('is that with the same options, and never that of another content or of more options', async () => {
    const rig = await start();
    const { leaseId } = await rig.ask(`${ID}?quality=1&transcode_audio=1`);
    rig.pool.leases.sessionOpened(0, leaseId, HASH, '/ace/cmd/1');
    for (const canonical of [
      HASH,
      `${HASH}?transcode_audio=1`,
      `${HASH}?quality=1`,
      `${OTHER}?quality=1&transcode_audio=1`,
    ])
      expect(rig.pool.leases.runningKey(canonical)).toBeUndefined();
    expect(rig.pool.leases.runningKey(`${HASH}?quality=1&transcode_audio=1`)).toBe(`${ID}?quality=1&transcode_audio=1`);
  });
});

describe('an engine that is drained', () => {
  const idOf = (rig: PoolRig, place: number): string => rig.pool.status()[place]!.id;

  it('gets no new leases while those it has go on, until it is enabled again', async () => {
    const rig = await start(2);
    await rig.running(content(1));
    expect(rig.pool.drain(idOf(rig, 0))).toMatchObject({ place: 0, state: 'draining', sessions: 1, healthy: true });
    for (const n of [2, 3]) expect(rig.place(await rig.running(content(n)))).toBe(1);
    expect(rig.each('sessions')).toEqual([1, 2]);
    expect(rig.pool.enable(idOf(rig, 0))).toMatchObject({ state: 'enabled' });
    expect(rig.place(await rig.ask(content(4)))).toBe(0);
  });

  it('is told of once, whatever is asked how often', async () => {
    const rig = await start();
    for (const action of ['drain', 'drain', 'enable', 'enable'] as const) rig.pool[action](idOf(rig, 0));
    expect(rig.told).toEqual(['0 draining', '0 enabled']);
  });

  it('leaves nobody where it was the last one: a new request is refused with the reason', async () => {
    const rig = await start();
    rig.pool.drain(idOf(rig, 0));
    const error = await failureOf(() => rig.ask(HASH, { waitMs: 60_000 }));
    expect(error).toMatchObject({ code: 'engine_unavailable' });
    expect(String(error)).toContain('drained');
  });

  it('serves those who wait as soon as it is enabled', async () => {
    const rig = await start(2, { limits: { maxStreams: 4, maxStarts: 1 } });
    rig.pool.drain(idOf(rig, 1));
    await rig.ask(HASH);
    const waiting = watch(rig.ask(OTHER, { waitMs: 5_000 }));
    rig.pool.enable(idOf(rig, 1));
    await turn();
    expect(rig.place(waiting.value!)).toBe(1);
  });

  it('has to exist', async () => {
    const rig = await start();
    for (const action of ['drain', 'enable'] as const)
      expect(await failureOf(() => rig.pool[action]('nowhere:6878'))).toMatchObject({
        code: 'engine_not_found',
        status: 404,
      });
  });
});
