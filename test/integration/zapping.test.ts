import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';

const infohashOf = (channel: number): string => channel.toString(16).padStart(40, 'e');

describe('zapping while channels linger', () => {
  let engine: StandIn;
  let gateway: TestGateway;

  beforeEach(async () => {
    engine = await startStandIn();
    for (let channel = 0; channel < 6; channel++)
      engine.putContent(infohashOf(channel), { kind: 'synthetic', bitsPerSecond: 1_000_000 });
  });

  afterEach(async () => {
    await gateway.close();
    await engine.close();
  });

  const zapThrough = async (channels: number): Promise<void> => {
    for (let channel = 0; channel < channels; channel++) {
      const viewer = gateway.watch(`infohash=${infohashOf(channel)}`);
      await viewer.more(20);
      expect(viewer.status).toBe(200);
      viewer.leave();
      await until('the viewer to be gone', async () => sum(await gateway.metric('sluice_readers')) === 0);
    }
  };

  it('is never refused: at the limit of an engine the channel of longest ago makes room', async () => {
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, ENGINE_MAX_STREAMS: '2', LINGER: '60' });
    await zapThrough(6);
    expect(engine.state().counts).toMatchObject({ sessionsStarted: 6, sessionsStopped: 4 });
    expect(sum(await gateway.metric('sluice_engine_sessions'))).toBe(2);
  });

  it('is never refused at the limit of streams either, wherever they linger', async () => {
    gateway = await startGateway({
      ACESTREAM_ENGINES: engine.url,
      ENGINE_MAX_STREAMS: '6',
      MAX_STREAMS: '2',
      SHARDS: '1',
      LINGER: '60',
    });
    await zapThrough(6);
    await until('the others to be over', async () => sum(await gateway.metric('sluice_streams')) === 2);
  });

  it('does not end what is watched', async () => {
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, ENGINE_MAX_STREAMS: '1', LINGER: '60' });
    const viewer = gateway.watch(`infohash=${infohashOf(0)}`);
    await viewer.more(20);
    const refused = gateway.watch(`infohash=${infohashOf(1)}`);
    await refused.closed;
    expect(refused.status).toBe(503);
    await viewer.more(20);
  });
});
