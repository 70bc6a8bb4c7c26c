import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';

const INFOHASH = '1'.repeat(40);
const RECOVERY_SECONDS = 8;

describe.each(['handoff', 'relay'])('a shard that dies, viewers served by %s', transport => {
  let engine: StandIn;
  let gateway: TestGateway;

  beforeEach(async () => {
    engine = await startStandIn();
    engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: 8_000_000 });
    gateway = await startGateway({
      ACESTREAM_ENGINES: engine.url,
      TRANSPORT: transport,
      // A start has less time than a recovery.
      ACESTREAM_TIMEOUT: '3',
      START_STALLED_TIMEOUT: '1',
      RECOVERY_TIMEOUT: String(RECOVERY_SECONDS),
    });
  });

  afterEach(async () => {
    await gateway.close();
    await engine.close();
  });

  const kill = (): Promise<void> => gateway.gateway.shards.handles[gateway.gateway.shards.shardFor(INFOHASH)]!.kill();

  it('keeps its viewers connected and on the packet grid, and goes on with every jump announced', async () => {
    const viewers = Array.from({ length: 10 }, () => gateway.watch(`infohash=${INFOHASH}`));
    await Promise.all(viewers.map(viewer => viewer.more(1_000)));
    for (let deaths = 1; deaths <= 3; deaths++) {
      await kill();
      await until(
        'the session to be cleaned up and opened anew',
        () => engine.state().counts.sessionsStarted === deaths + 1,
      );
      await Promise.all(viewers.map(viewer => viewer.more(3_000)));
    }
    for (const { check, isClosed } of viewers) {
      expect({ syncErrors: check.syncErrors, isClosed }).toEqual({ syncErrors: 0, isClosed: false });
      // Of a packet that was cut by the death only the head may have been sent; its filler can't be told from loss.
      expect(check.continuityErrors).toBeLessThanOrEqual(3);
      expect(check.discontinuities).toBeGreaterThanOrEqual(3);
    }
    expect(sum(await gateway.metric('sluice_shard_restarts_total'))).toBe(3);
    expect(engine.state().sessions).toHaveLength(1);
    expect(engine.state().counts.takeovers).toBe(0);
    expect(gateway.fatal).toEqual([]);
    for (const viewer of viewers) viewer.leave();
    await until('everybody to be detached', async () => sum(await gateway.metric('sluice_readers')) === 0);
    await until('the session to be stopped', () => engine.state().sessions.length === 0);
  });

  it('keeps viewers who still wait for the first byte', async () => {
    engine.patchContent(INFOHASH, { faults: { slowJson: { delayMs: 1_500 } } });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await until('the stream to start', () => gateway.log.some(({ state }) => state === 'starting'));
    await kill();
    await viewer.more(1_000, 20_000);
    expect(viewer.check.opening.slice(0, 2).map(({ pid }) => pid)).toEqual([0, 0x1000]);
    expect(viewer.check.syncErrors).toBe(0);
    viewer.leave();
  });

  it.each([
    ['fails at first', { noPeers: { forMs: 3_000 } }],
    ['is slower than a start may be', { slowStart: { delayMs: 4_000, times: 1 } }],
    ['is refused for a while', { unknownId: { times: 3 } }],
  ])('keeps viewers who have seen something when the next start %s', async (_what, faults) => {
    const viewers = [0, 1].map(() => gateway.watch(`infohash=${INFOHASH}`));
    await Promise.all(viewers.map(viewer => viewer.more(1_000)));
    engine.patchContent(INFOHASH, { faults });
    await kill();
    await until('the shard to be back', async () => sum(await gateway.metric('sluice_shard_restarts_total')) === 1);
    await Promise.all(viewers.map(viewer => viewer.more(2_000, 20_000)));
    for (const { check, isClosed } of viewers) {
      expect({ syncErrors: check.syncErrors, isClosed }).toEqual({ syncErrors: 0, isClosed: false });
      expect(check.continuityErrors).toBeLessThanOrEqual(1);
      expect(check.discontinuities).toBeGreaterThan(0);
    }
    for (const viewer of viewers) viewer.leave();
    await until('the session to be stopped', () => engine.state().sessions.length === 0);
    await until('the lease to be returned', async () => sum(await gateway.metric('sluice_engine_sessions')) === 0);
    expect(sum(await gateway.metric('sluice_readers'))).toBe(0);
  });

  it('lets viewers go for what it was when the stream does not come back in time', async () => {
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(1_000);
    engine.patchContent(INFOHASH, { faults: { noPeers: {} } });
    const killedMs = performance.now();
    await kill();
    await within('the end of the connection', viewer.closed, 30_000);
    expect(performance.now() - killedMs).toBeGreaterThan(RECOVERY_SECONDS * 500);
    expect([viewer.status, viewer.check.syncErrors]).toEqual([200, 0]);
    expect(await gateway.metric('sluice_reader_detaches_total')).toMatchObject({
      '{reason="source-failed"}': 1,
      '{reason="start-failed"}': 0,
    });
    await until('the session to be stopped', () => engine.state().sessions.length === 0);
  });

  it('takes in viewers who come while it is down', async () => {
    const first = gateway.watch(`infohash=${INFOHASH}`);
    await first.more(500);
    await kill();
    const meanwhile = gateway.watch(`infohash=${INFOHASH}`);
    await meanwhile.more(1_000);
    await first.more(1_000);
    expect(engine.state().sessions).toHaveLength(1);
    first.leave();
    meanwhile.leave();
  });
});
