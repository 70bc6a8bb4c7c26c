import { afterEach, describe, expect, it } from '@jest/globals';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';
import type { Viewer } from '../helpers/viewer.ts';

const content = (n: number): string => n.toString(16).padStart(40, '0');

interface EngineList {
  waiting_requests: number;
  engines: { id: string; state: string; sessions: number; starts: number }[];
}

describe('a gateway with its engines', () => {
  let engines: StandIn[] = [];
  let gateway: TestGateway;

  afterEach(async () => {
    await gateway.close();
    for (const engine of engines.splice(0)) await engine.close();
  });

  async function start(count: number, env: Record<string, string> = {}): Promise<void> {
    engines = await Promise.all(Array.from({ length: count }, () => startStandIn()));
    for (const engine of engines)
      for (let n = 0; n < 8; n++) engine.putContent(content(n), { kind: 'synthetic', bitsPerSecond: 1_000_000 });
    gateway = await startGateway({ ACESTREAM_ENGINES: engines.map(({ url }) => url).join(','), ...env });
    await until('the engines to be found healthy', async () => sum(await gateway.metric('sluice_engine_up')) === count);
  }

  const watch = (n: number): Viewer => gateway.watch(`infohash=${content(n)}`);
  const list = async (): Promise<EngineList> => (await (await gateway.call('/api/v1/engines')).json()) as EngineList;
  const started = (): number[] => engines.map(engine => engine.state().counts.sessionsStarted);
  const codeOf = async (viewer: Viewer): Promise<string> =>
    ((await viewer.json()) as { error: { code: string } }).error.code;

  it('spreads streams over them, and leaves a drained one alone until it is enabled', async () => {
    await start(2);
    for (let n = 0; n < 2; n++) await watch(n).more(20);
    expect(started()).toEqual([1, 1]);
    const id = new URL(engines[0]!.url).host;
    expect((await gateway.call(`/api/v1/engines/${id}/drain`, { method: 'POST' })).status).toBe(200);
    for (let n = 2; n < 4; n++) await watch(n).more(20);
    expect(started()).toEqual([1, 3]);
    expect((await list()).engines).toMatchObject([
      { id, state: 'draining', sessions: 1, starts: 0 },
      { state: 'enabled', sessions: 3, starts: 0 },
    ]);
    expect((await gateway.call(`/api/v1/engines/${id}/enable`, { method: 'POST' })).status).toBe(200);
    await watch(4).more(20);
    expect(started()).toEqual([2, 3]);
    expect(gateway.log.filter(({ msg }) => msg.endsWith('new streams')).map(({ state }) => state)).toEqual([
      'draining',
      'enabled',
    ]);
    expect(await gateway.metric('sluice_engine_leases_total')).toEqual({ '{engine="0"}': 2, '{engine="1"}': 3 });
  });

  it('lets a start wait for its turn, and refuses one too many with the option to change', async () => {
    await start(1, { ENGINE_MAX_STREAMS: '3', ENGINE_MAX_STARTS: '1' });
    engines[0]!.patchContent(content(0), { faults: { slowJson: { delayMs: 700 } } });
    const viewers = [watch(0)];
    await until('the first start', () => engines[0]!.state().counts.getstreamCalls === 1);
    viewers.push(watch(1), watch(2));
    await until('the others to wait', async () => (await list()).waiting_requests === 2);
    expect(engines[0]!.state().counts.getstreamCalls).toBe(1);
    await Promise.all(viewers.map(viewer => viewer.more(20)));
    const refused = watch(3);
    expect([await codeOf(refused), refused.status]).toEqual(['engines_full', 503]);
    expect(refused.head).toMatch(/\r\nRetry-After: 10(\r\n|$)/);
    for (const viewer of viewers) viewer.leave();
    await until('all leases to be returned', async () => sum(await gateway.metric('sluice_engine_sessions')) === 0);
  });

  it('forgets who waits when the viewer leaves, and when the shard dies', async () => {
    await start(1, { ENGINE_MAX_STARTS: '1', SHARDS: '1' });
    engines[0]!.patchContent(content(0), { faults: { slowJson: { delayMs: 2_000 } } });
    const first = watch(0);
    await until('the first start', () => engines[0]!.state().counts.getstreamCalls === 1);
    const leaving = watch(1);
    await until('a request to wait', async () => (await list()).waiting_requests === 1);
    leaving.leave();
    await until('nobody to wait', async () => (await list()).waiting_requests === 0);
    const staying = watch(2);
    await until('a request to wait again', async () => (await list()).waiting_requests === 1);
    engines[0]!.patchContent(content(0), { faults: { slowJson: null } });
    await gateway.gateway.shards.handles[0]!.kill();
    await Promise.all([first.more(20, 20_000), staying.more(20, 20_000)]);
    const [engine] = (await list()).engines;
    expect(engine).toMatchObject({ sessions: 2, starts: 0 });
  });

  it('starts a stream elsewhere when one engine fails it, and tells the reason of the last when all do', async () => {
    await start(2);
    engines[0]!.patchContent(content(0), { faults: { badJson: { kind: 'html', on: 'getstream' } } });
    await watch(0).more(20);
    expect(started()).toEqual([1, 1]);
    for (const engine of engines)
      engine.patchContent(content(1), { faults: { badJson: { kind: 'truncated', on: 'getstream' } } });
    const refused = watch(1);
    expect([await codeOf(refused), refused.status]).toEqual(['engine_bad_answer', 502]);
    expect(engines.map(engine => engine.state().counts.getstreamCalls)).toEqual([2, 2]);
  });

  it('leaves an engine alone that keeps failing although it passes its checks, and says so', async () => {
    await start(1);
    for (let n = 0; n < 4; n++)
      engines[0]!.patchContent(content(n), { faults: { badJson: { kind: 'html', on: 'getstream' } } });
    for (let n = 0; n < 3; n++) expect(await codeOf(watch(n))).toBe('engine_bad_answer');
    await until(
      'the breaker to open',
      async () => (await gateway.metric('sluice_engine_breaker'))['{engine="0",state="open"}'] === 1,
    );
    expect(await gateway.metric('sluice_engine_failures_total')).toEqual({
      '{engine="0",code="engine_bad_answer"}': 3,
    });
    // There is no other engine, so each viewer costs it one lease and one question.
    expect(await gateway.metric('sluice_engine_leases_total')).toEqual({ '{engine="0"}': 3 });
    expect(engines[0]!.state().counts.getstreamCalls).toBe(3);
    expect(gateway.log.filter(({ msg }) => msg.includes('keeps failing'))).toHaveLength(1);
    expect(sum(await gateway.metric('sluice_engine_up'))).toBe(1);
  });
});
