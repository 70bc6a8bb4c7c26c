import { describe, expect, it } from '@jest/globals';
import type { EngineStat } from '../../../src/engine/engine-wire.ts';
import { StartWatch } from '../../../workers/shard/source/start-watch.ts';
import { failureOf } from '../support/waiting.ts';

const LIMITS = { startTimeoutMs: 60_000, startStalledTimeoutMs: 20_000 };
const T0 = 5_000;

const stat = (fields: Partial<EngineStat> = {}): EngineStat => ({
  status: 'prebuf',
  livePosition: undefined,
  peers: 0,
  speedDown: 0,
  downloadedBytes: 0,
  ...fields,
});
const watch = (): StartWatch => new StartWatch(LIMITS, T0);

describe('the watch over a start', () => {
  it.each(['idle', 'prebuf', 'check', 'buf', ''])("waits while the engine says '%s'", status => {
    expect(watch().observe(stat({ status, peers: 1 }), T0 + 1)).toBe(false);
  });

  it("knows that data flows when the engine says 'dl', even at the last moment", () => {
    expect(watch().observe(stat({ status: 'dl' }), T0 + 1)).toBe(true);
    expect(watch().observe(stat({ status: 'dl' }), T0 + 60_000)).toBe(true);
  });

  it('says how much of the budget is left, never less than nothing', () => {
    expect([T0, T0 + 59_999, T0 + 60_000, T0 + 99_999].map(now => watch().remainingMs(now))).toEqual([60_000, 1, 0, 0]);
  });

  it('gives up early on a content that nobody shares', async () => {
    const started = watch();
    expect(started.observe(stat(), T0 + 19_999)).toBe(false);
    const error = await failureOf(() => started.observe(stat(), T0 + 20_000));
    expect(error).toMatchObject({ code: 'no_peers' });
    expect(String(error)).toContain('20 s');
  });

  it('waits on as long as there are peers, up to the budget', async () => {
    const started = watch();
    for (let now = T0; now < T0 + 60_000; now += 1_000) expect(started.observe(stat({ peers: 1 }), now)).toBe(false);
    expect(await failureOf(() => started.observe(stat({ peers: 1 }), T0 + 60_000))).toMatchObject({
      code: 'start_timeout',
    });
  });

  it('waits on as long as bytes come, though no peer is counted', () => {
    const started = watch();
    for (let i = 0; i < 59; i++)
      expect(started.observe(stat({ downloadedBytes: i * 1000 }), T0 + i * 1_000)).toBe(false);
  });

  it('does not take bytes for alive that came before', async () => {
    const started = watch();
    expect(started.observe(stat({ downloadedBytes: 5_000 }), T0 + 1_000)).toBe(false);
    expect(started.observe(stat({ downloadedBytes: 5_000 }), T0 + 20_999)).toBe(false);
    expect(await failureOf(() => started.observe(stat({ downloadedBytes: 5_000 }), T0 + 21_000))).toMatchObject({
      code: 'no_peers',
    });
  });

  it('does not take a counter that fell for growth', async () => {
    const started = watch();
    started.observe(stat({ downloadedBytes: 5_000 }), T0);
    started.observe(stat({ downloadedBytes: 10 }), T0 + 10_000);
    started.observe(stat({ downloadedBytes: 20 }), T0 + 15_000);
    expect(await failureOf(() => started.observe(stat({ downloadedBytes: 30 }), T0 + 20_000))).toMatchObject({
      code: 'no_peers',
    });
  });

  it('counts the stall anew once the last peer left', async () => {
    const started = watch();
    started.observe(stat({ peers: 3 }), T0 + 15_000);
    expect(started.observe(stat(), T0 + 34_999)).toBe(false);
    expect(await failureOf(() => started.observe(stat(), T0 + 35_000))).toMatchObject({ code: 'no_peers' });
  });

  it('never says that nobody shares it when the engine said nothing, but keeps to the budget', async () => {
    const started = watch();
    expect(started.observe(undefined, T0 + 59_999)).toBe(false);
    const error = await failureOf(() => started.observe(undefined, T0 + 60_000));
    expect(error).toMatchObject({ code: 'start_timeout' });
    expect(String(error)).toContain('no statistics');
  });

  it('tells what the engine said last when the budget is used up', async () => {
    const started = watch();
    started.observe(stat({ status: 'prebuf', peers: 4, downloadedBytes: 123 }), T0 + 1_000);
    const error = await failureOf(() => started.observe(undefined, T0 + 60_000));
    expect(String(error)).toMatch(/60 s.*'prebuf'.*4 peers.*123 bytes/);
    expect(String(started.timeout())).toBe(String(error));
  });
});
