import { afterEach, describe, expect, it } from '@jest/globals';
import { EngineSourceRig } from '../support/engine-source-rig.ts';
import { json } from '../support/scripted-engine.ts';
import { until } from '../support/waiting.ts';

const BROKEN = json({ error: 'something is wrong in here' });

const rigs: EngineSourceRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function rigWith(...options: Parameters<typeof EngineSourceRig.with>): Promise<EngineSourceRig> {
  const rig = await EngineSourceRig.with(...options);
  rigs.push(rig);
  return rig;
}

describe('the statistics of a session', () => {
  it('that was lost end its reading', async () => {
    const rig = await rigWith(1, { stallTimeoutMs: 20 });
    const running = await rig.flowing('start');
    rig.engine.open.clear();
    expect(await rig.failure(running)).toMatchObject({ code: 'session_lost' });
  });

  it('that are not told while no byte comes say that the engine is gone', async () => {
    const rig = await rigWith(1, { stallTimeoutMs: 20 });
    const running = await rig.flowing('start');
    rig.engine.look = (_, response) => void response.writeHead(500).end('no');
    expect(await rig.failure(running)).toMatchObject({ code: 'engine_silent' });
  });

  it('that grow while no byte comes say that playback hangs', async () => {
    const rig = await rigWith(1, { stallTimeoutMs: 20 });
    const running = await rig.flowing('start');
    let downloaded = 0;
    rig.engine.look = (request, response) => {
      downloaded += 1 << 20;
      json({ response: { ...rig.engine.stat, downloaded } })(request, response);
    };
    expect(await rig.failure(running)).toMatchObject({
      code: 'source_stalled',
      message: expect.stringContaining('hands nothing on'),
    });
  });

  it('that say nothing bad are borne until no byte has come for too long', async () => {
    const rig = await rigWith(1, { stallTimeoutMs: 20, emptyTimeoutMs: 100 });
    const running = await rig.flowing('start');
    expect(await rig.failure(running)).toMatchObject({
      code: 'source_stalled',
      message: expect.stringContaining('no byte'),
    });
  });

  it('whose live position stands still while bytes flow say that the engine repeats itself', async () => {
    const rig = await rigWith(1, { stallTimeoutMs: 30 });
    rig.engine.stat = { ...rig.engine.stat, livepos: { last: '1700000000' } };
    const running = await rig.flowing('start');
    const sending = setInterval(() => rig.engine.send(), 2);
    const failure = await rig.failure(running);
    clearInterval(sending);
    expect(failure).toMatchObject({ code: 'source_frozen' });
  });

  it('are asked now and then while all is well, and change nothing', async () => {
    const rig = await rigWith(1, { stallTimeoutMs: 20 });
    const running = await rig.flowing('start');
    const sending = setInterval(() => rig.engine.send(), 2);
    await until('some looks', () => rig.engine.asked.filter(path => path === '/ace/stat/1').length > 5);
    clearInterval(sending);
    running.abort.abort();
    expect(await rig.failure(running)).toBeUndefined();
  });

  it.each([
    ['nobody shares it', { status: 'prebuf', peers: 0 }, { startStalledTimeoutMs: 30 }, 'no_peers'],
    ['it gets nowhere', { status: 'prebuf', peers: 2 }, { startTimeoutMs: 30 }, 'start_timeout'],
  ])('end a start when %s', async (_, stat, limits, code) => {
    const rig = await rigWith(1, limits);
    rig.engine.stat = stat;
    expect(await rig.failure(rig.run('start'))).toMatchObject({ code });
  });

  it.each([
    ['nobody shares it any more', { status: 'prebuf', peers: 0 }, { startStalledTimeoutMs: 30 }, 'no_peers'],
    ['its time is over', { status: 'dl', peers: 2 }, { startTimeoutMs: 300 }, 'start_timeout'],
  ])('end playback that is held back when %s', async (_, stat, limits, code) => {
    const rig = await rigWith(1, limits);
    rig.engine.play = () => {
      rig.engine.stat = stat;
    };
    expect(await rig.failure(rig.run('start'))).toMatchObject({ code });
    await until('the connection closes', () => rig.engine.connections === 0);
  });

  it('that an engine does not give do not keep playback from being tried', async () => {
    const rig = await rigWith(1);
    rig.engine.look = (_, response) => void response.writeHead(500).end('no');
    const running = await rig.flowing('start');
    expect(rig.engine.asked.filter(path => path === '/ace/stat/1')).toHaveLength(3);
    running.abort.abort();
    await rig.failure(running);
  });
});

describe('an engine that cannot play', () => {
  it.each([
    ['refuses the start', 'engine_refused', (rig: EngineSourceRig) => (rig.engine.start = BROKEN)],
    [
      'hangs up on the start',
      'engine_unavailable',
      (rig: EngineSourceRig) => (rig.engine.start = (_, response) => void response.destroy()),
    ],
    ['takes too long over the start', 'engine_silent', (rig: EngineSourceRig) => (rig.engine.start = () => {})],
    [
      'refuses playback',
      'engine_bad_answer',
      (rig: EngineSourceRig) => (rig.engine.play = (_, response) => void response.writeHead(404).end()),
    ],
    [
      'hangs up on playback',
      'engine_unavailable',
      (rig: EngineSourceRig) => (rig.engine.play = (_, response) => void response.destroy()),
    ],
  ])('because it %s fails with %s', async (_, code, script) => {
    const rig = await rigWith(1, { noResponseTimeoutMs: 100 });
    script(rig);
    expect(await rig.failure(rig.run('start'))).toMatchObject({ code });
  });
});
