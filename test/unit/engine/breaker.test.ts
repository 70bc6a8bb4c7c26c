import { afterEach, describe, expect, it } from '@jest/globals';
import { BREAKER_STATES, BREAKER_TRANSITIONS } from '../../../src/engine/breaker.ts';
import { isEngineFault } from '../../../src/engine/engine-fault.ts';
import type { EnginePoolParts } from '../../../src/engine/engine-pool.ts';
import { ERROR_CODES } from '../../../src/shared/errors.ts';
import { content, PoolRig, watch } from '../support/pool-rig.ts';
import { describeTransitions } from '../support/transitions.ts';
import { failureOf } from '../support/waiting.ts';

const HASH = 'a'.repeat(40);
const OTHER = 'b'.repeat(40);
/** Longer than the first pause, whose middle is 5 s. */
const PATIENT = { waitMs: 60_000 };

const rigs: PoolRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(engines = 1, parts: Partial<EnginePoolParts> = {}): Promise<PoolRig> {
  const rig = await PoolRig.start(engines, parts);
  rigs.push(rig);
  return rig;
}

/** A lone engine whose breaker has just opened. */
async function failing(parts: Partial<EnginePoolParts> = {}): Promise<PoolRig> {
  const rig = await start(1, parts);
  await rig.fail(3, 'engine_silent');
  rig.told.length = 0;
  return rig;
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('the states of a breaker', () => {
  describeTransitions(BREAKER_TRANSITIONS, ['trip', 'cool', 'pass'], {
    closed: { trip: 'open' },
    open: { cool: 'half_open' },
    half_open: { pass: 'closed', trip: 'open' },
  });

  it('are all listed', () => {
    expect([...BREAKER_STATES].sort()).toEqual(Object.keys(BREAKER_TRANSITIONS).sort());
  });
});

describe('a closed breaker', () => {
  it('counts as faults only what the engine is to blame for', () => {
    expect(ERROR_CODES.filter(isEngineFault)).toEqual(['engine_bad_answer', 'engine_unavailable', 'engine_silent']);
  });

  it('opens at the third fault in a row, and the engine gets nothing while another is there', async () => {
    const rig = await start(2);
    const onlyFirst = { avoid: [1] };
    await rig.fail(1, 'engine_silent', onlyFirst);
    await rig.fail(1, 'engine_unavailable', onlyFirst);
    expect(rig.each('breaker')).toEqual(['closed', 'closed']);
    await rig.fail(1, 'engine_bad_answer', onlyFirst);
    expect(rig.each('breaker')).toEqual(['open', 'closed']);
    expect(rig.told.filter(told => told.includes('open'))).toEqual(['0 open 5000']);
    for (const n of [1, 2]) expect(rig.place(await rig.running(content(n), onlyFirst))).toBe(1);
  });

  it('begins to count anew when a stream flows', async () => {
    const rig = await start();
    for (let i = 0; i < 3; i++) {
      await rig.fail(2, 'engine_silent');
      const { leaseId } = await rig.running(HASH);
      rig.pool.leases.returned(0, leaseId, undefined);
    }
    expect(rig.each('breaker')).toEqual(['closed']);
  });

  it.each([
    'content_not_found',
    'no_peers',
    'start_timeout',
    'session_lost',
    'source_ended',
    'engine_refused',
  ] as const)('takes no notice of %s, neither as a fault nor as proof that the engine works', async code => {
    const rig = await start();
    await rig.fail(5, code);
    expect(rig.each('breaker')).toEqual(['closed']);
    await rig.fail(2, 'engine_silent');
    await rig.fail(1, code);
    await rig.fail(1, 'engine_silent');
    expect(rig.each('breaker')).toEqual(['open']);
  });
});

describe('an open breaker', () => {
  it('refuses at once who would not wait until it lets a probe through, and says when that is', async () => {
    const rig = await failing();
    rig.clock.advance(1_000);
    for (const waitMs of [0, 4_000]) {
      const error = await failureOf(() => rig.ask(HASH, { waitMs }));
      expect(error).toMatchObject({ code: 'engine_unavailable' });
      expect(String(error)).toContain('4 s');
    }
  });

  it('lets those wait who would, and is not closed by what older leases do', async () => {
    const rig = await start(1, { limits: { maxStreams: 9, maxStarts: 9 } });
    const older = [await rig.ask(content(1)), await rig.ask(content(2))];
    await rig.fail(3, 'engine_silent');
    rig.pool.leases.flowing(0, older[0]!.leaseId);
    rig.pool.leases.returned(0, older[1]!.leaseId, 'engine_silent');
    const waiting = watch(rig.ask(HASH, { waitMs: 5_001 }));
    rig.clock.advance(4_999);
    await turn();
    expect([rig.each('breaker'), waiting]).toEqual([['open'], {}]);
    rig.clock.advance(1);
    await turn();
    expect(waiting.value).toBeDefined();
  });

  it('does not matter to the health of the engine, nor that to it', async () => {
    const rig = await failing();
    expect(rig.each('healthy')).toEqual([true]);
    await rig.setOnline(0, false);
    await rig.setOnline(0, true);
    expect(rig.each('breaker')).toEqual(['open']);
  });

  it('says that engines with room fail, where the others are full', async () => {
    const rig = await start(2, { limits: { maxStreams: 1, maxStarts: 1 } });
    await rig.fail(3, 'engine_silent', { avoid: [1] });
    await rig.running(content(1));
    expect(await failureOf(() => rig.ask(HASH))).toMatchObject({ code: 'engine_unavailable' });
  });
});

describe('a half-open breaker', () => {
  it('lets exactly one through, and all when its data flows', async () => {
    const rig = await failing();
    rig.clock.advance(5_000);
    expect(rig.each('breaker')).toEqual(['half_open']);
    const probe = await rig.ask(HASH);
    const others = [1, 2].map(n => watch(rig.ask(content(n), PATIENT)));
    await turn();
    expect([rig.each('starts'), rig.pool.waiting]).toEqual([[1], 2]);
    rig.pool.leases.flowing(0, probe.leaseId);
    await turn();
    expect(others.every(({ value }) => value !== undefined)).toBe(true);
    expect(rig.told.filter(told => !told.endsWith('granted'))).toEqual(['0 half_open 0', '0 closed 0']);
  });

  it('opens again when the probe meets a fault, for twice as long, up to a minute', async () => {
    const rig = await failing();
    const pauses: number[] = [];
    for (let pauseMs = 5_000; pauses.length < 6; pauseMs = Number(rig.told.at(-1)!.split(' ')[2])) {
      rig.clock.advance(pauseMs - 1);
      expect(rig.each('breaker')).toEqual(['open']);
      rig.clock.advance(1);
      rig.told.length = 0;
      const { leaseId } = await rig.ask(HASH);
      rig.pool.leases.returned(0, leaseId, 'engine_unavailable');
      expect(rig.each('breaker')).toEqual(['open']);
      pauses.push(Number(rig.told.at(-1)!.split(' ')[2]));
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  it('forgets the longer pauses once a probe has flowed', async () => {
    const rig = await failing();
    rig.clock.advance(5_000);
    await rig.fail(1, 'engine_silent');
    rig.clock.advance(10_000);
    const { leaseId } = await rig.running(HASH);
    rig.pool.leases.returned(0, leaseId, undefined);
    rig.told.length = 0;
    await rig.fail(3, 'engine_silent');
    expect(rig.told.at(-1)).toBe('0 open 5000');
  });

  it('spreads its pauses, so that engines which failed together are not tried together', async () => {
    const pauses: string[] = [];
    for (const random of [0, 0.999_999]) {
      const rig = await start(1, { random: () => random });
      await rig.fail(3, 'engine_silent');
      pauses.push(rig.told.at(-1)!);
    }
    expect(pauses.map(told => Math.round(Number(told.split(' ')[2])))).toEqual([3_750, 6_250]);
  });

  it.each([undefined, 'no_peers', 'content_not_found'] as const)(
    'takes the next one as a probe when the first proves nothing (%s)',
    async code => {
      const rig = await failing();
      rig.clock.advance(5_000);
      const { leaseId } = await rig.ask(HASH);
      const next = watch(rig.ask(OTHER, PATIENT));
      rig.pool.leases.returned(0, leaseId, code);
      await turn();
      expect([rig.each('breaker'), rig.each('starts')]).toEqual([['half_open'], [1]]);
      rig.pool.leases.flowing(0, next.value!.leaseId);
      expect(rig.each('breaker')).toEqual(['closed']);
    },
  );

  it('takes the next one as a probe when the shard of the first dies', async () => {
    const rig = await failing();
    rig.clock.advance(5_000);
    await rig.ask(HASH, { shard: 1 });
    const next = watch(rig.ask(OTHER, PATIENT));
    await rig.pool.leases.reclaim(1);
    expect(next.value).toBeDefined();
    expect(rig.each('breaker')).toEqual(['half_open']);
  });

  it('goes by the probe alone, not by leases from before', async () => {
    const rig = await start(1, { limits: { maxStreams: 9, maxStarts: 9 } });
    const older = [await rig.ask(content(1)), await rig.ask(content(2))];
    await rig.fail(3, 'engine_silent');
    rig.clock.advance(5_000);
    const probe = await rig.ask(HASH);
    rig.pool.leases.flowing(0, older[0]!.leaseId);
    rig.pool.leases.returned(0, older[1]!.leaseId, 'engine_silent');
    expect(rig.each('breaker')).toEqual(['half_open']);
    rig.pool.leases.flowing(0, probe.leaseId);
    expect(rig.each('breaker')).toEqual(['closed']);
  });

  it('is left in peace when the pool is closed', async () => {
    const rig = await failing();
    await rig.pool.close();
    expect(rig.clock.pending).toBe(0);
  });
});
