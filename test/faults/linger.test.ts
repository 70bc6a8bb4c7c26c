import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { descriptorsBackTo, openDescriptors, startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';

const INFOHASH = '1'.repeat(40);
const LINGER_SECONDS = 1.5;
/** What media servers read before they decide that this is a stream. */
const PROBE_BYTES = 100_000;

describe('a stream that nobody watches any more', () => {
  let engine: StandIn;
  let gateway: TestGateway;
  let descriptors: number;

  beforeEach(async () => {
    engine = await startStandIn();
    engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: 4_000_000 });
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, LINGER: String(LINGER_SECONDS) });
    await until('the engine to be healthy', async () => sum(await gateway.metric('sluice_engine_up')) === 1);
    descriptors = await openDescriptors();
  });

  afterEach(async () => {
    await gateway.close();
    await engine.close();
  });

  const counts = (): [started: number, stopped: number] => {
    const { sessionsStarted, sessionsStopped } = engine.state().counts;
    return [sessionsStarted, sessionsStopped];
  };
  const streams = async (state: string): Promise<number> =>
    (await gateway.metric('sluice_streams'))[`{state="${state}"}`]!;
  const nobody = (): Promise<boolean> =>
    until('the viewer to be gone', async () => sum(await gateway.metric('sluice_readers')) === 0);
  /** Nothing may be left once it is over, and the engine must have been told. */
  const expectClean = async (): Promise<void> => {
    await until('the session to be stopped', () => engine.state().sessions.length === 0);
    await until('the lease to be returned', async () => sum(await gateway.metric('sluice_engine_sessions')) === 0);
    expect(engine.state().counts.sessionsExpired).toBe(0);
    await descriptorsBackTo(descriptors);
  };

  it('is there for probes of 100 KB and for the player that follows, all in one session', async () => {
    for (let probe = 0; probe < 3; probe++) {
      const viewer = gateway.watch(`infohash=${INFOHASH}`);
      await until('enough to probe', () => viewer.bytes >= PROBE_BYTES);
      viewer.leave();
      await nobody();
    }
    const player = gateway.watch(`infohash=${INFOHASH}`);
    const askedMs = performance.now();
    await player.more(500);
    // What is still there needs no start.
    expect(performance.now() - askedMs).toBeLessThan(1_000);
    expect(player.check.opening.slice(0, 2).map(({ pid }) => pid)).toEqual([0, 0x1000]);
    expect(player.check).toMatchObject({ syncErrors: 0, counterJumps: 0, lost: 0, repeated: 0, discontinuities: 0 });
    expect(counts()).toEqual([1, 0]);
    expect(engine.state().counts.getstreamCalls).toBe(1);
    player.leave();
    await expectClean();
    expect(counts()).toEqual([1, 1]);
  });

  it('ends LINGER after the last one left, and not before', async () => {
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(500);
    viewer.leave();
    const leftMs = performance.now();
    await until('the stream to linger', async () => (await streams('lingering')) === 1);
    expect(counts()).toEqual([1, 0]);
    await until('the session to be stopped', () => engine.state().sessions.length === 0);
    expect(performance.now() - leftMs).toBeGreaterThan(LINGER_SECONDS * 1000 - 100);
    await expectClean();
    expect(sum(await gateway.metric('sluice_streams'))).toBe(0);
  });

  it('has the time anew after each who came back', async () => {
    for (let round = 0; round < 3; round++) {
      const viewer = gateway.watch(`infohash=${INFOHASH}`);
      await viewer.more(500);
      viewer.leave();
      const leftMs = performance.now();
      await until('the stream to linger', async () => (await streams('lingering')) === 1);
      // Two rounds take longer than LINGER.
      await until('most of the time to pass', () => performance.now() - leftMs > LINGER_SECONDS * 600);
    }
    expect(counts()).toEqual([1, 0]);
    await expectClean();
    expect(counts()).toEqual([1, 1]);
  });

  it('is not brought back when it breaks, and is opened anew for who comes then', async () => {
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(500);
    viewer.leave();
    await until('the stream to linger', async () => (await streams('lingering')) === 1);
    engine.patchContent(INFOHASH, { faults: { cut: { session: 'dies' } } });
    await until('the stream to end', async () => sum(await gateway.metric('sluice_streams')) === 0);
    expect(counts()).toEqual([1, 0]);
    const next = gateway.watch(`infohash=${INFOHASH}`);
    await next.more(500);
    expect(counts()).toEqual([2, 0]);
    next.leave();
    await expectClean();
  });

  it('can be closed by an administrator at once', async () => {
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(500);
    viewer.leave();
    await until('the stream to linger', async () => (await streams('lingering')) === 1);
    const answer = await gateway.call(`/api/aceproxy/streams/${INFOHASH}`, { method: 'DELETE' });
    expect(await answer.json()).toMatchObject({ status: 'success', clients_removed: 0 });
    await expectClean();
  });
});
