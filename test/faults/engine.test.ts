import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Faults } from '../../workers/demo/faults.ts';
import { descriptorsBackTo, openDescriptors, startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import type { Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
const CONTENT_ID = '2'.repeat(40);

interface ErrorBody {
  error: { code: string; message: string };
}

/** What goes wrong, how it is switched on, and what viewers are answered. */
type StartFault = [what: string, faults: Faults, status: number, code: string];

/** Limits of a gateway that does not wait as long as a real one. */
const QUICK = {
  ACESTREAM_NO_RESPONSE_TIMEOUT: '1',
  ACESTREAM_TIMEOUT: '3',
  START_STALLED_TIMEOUT: '1',
  ACESTREAM_EMPTY_TIMEOUT: '1',
  ENGINE_HEALTH_INTERVAL: '0.2',
};

describe('an engine that misbehaves', () => {
  let engine: StandIn;
  let gateway: TestGateway;
  let descriptorsBefore: number;

  beforeEach(async () => {
    engine = await startStandIn({ idleExpiryMs: 3_000 });
    engine.putContent(INFOHASH, { kind: 'synthetic', contentId: CONTENT_ID, bitsPerSecond: 8_000_000 });
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, ...QUICK });
    await until('the engine to be found healthy', async () => sum(await gateway.metric('sluice_engine_up')) === 1);
    descriptorsBefore = await openDescriptors();
  });

  afterEach(async () => {
    await gateway.close();
    await engine.close();
  });

  const refusal = async (viewer: Viewer): Promise<[number, string]> => {
    const body = (await viewer.json()) as ErrorBody;
    expect(body.error.message).not.toBe('');
    return [viewer.status, body.error.code];
  };

  /** What must hold after every fault: nothing is left behind, and the gateway still works. */
  const expectClean = async (): Promise<void> => {
    await until('all viewers to be detached', async () => sum(await gateway.metric('sluice_readers')) === 0);
    await until('all leases to be returned', async () => sum(await gateway.metric('sluice_engine_sessions')) === 0);
    await descriptorsBackTo(descriptorsBefore);
    expect(gateway.fatal).toEqual([]);
    expect(sum(await gateway.metric('sluice_shard_restarts_total'))).toBe(0);
  };

  it.each<StartFault>([
    ['does not know the content', { unknownId: {} }, 404, 'content_not_found'],
    ['takes too long to answer the start', { slowJson: { delayMs: 5_000 } }, 504, 'engine_silent'],
    ['finds no peers', { noPeers: {} }, 504, 'no_peers'],
    ['has peers but gets no data', { peersNoData: { peers: 5 } }, 504, 'start_timeout'],
    ['refuses JSON', { premium: {} }, 502, 'engine_refused'],
    ['answers HTML', { badJson: { kind: 'html', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['answers half a JSON document', { badJson: { kind: 'truncated', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['sends headers without end', { badJson: { kind: 'hugeHeaders', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['answers without end', { badJson: { kind: 'endless', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['redirects in a circle', { redirectLoop: {} }, 502, 'engine_bad_answer'],
    ['names a playback address that is none', { garbagePlaybackUrl: {} }, 502, 'engine_bad_answer'],
  ])(
    'that %s is answered with a reason, and nothing is left behind',
    async (...[, faults, status, code]: StartFault) => {
      engine.patchContent(INFOHASH, { faults });
      const viewers = [0, 1, 2].map(() => gateway.watch(`infohash=${INFOHASH}`));
      for (const viewer of viewers) expect(await refusal(viewer)).toEqual([status, code]);
      await expectClean();
      await until('sessions to end', () => engine.state().sessions.length === 0, 15_000);
      // Only a session whose address never came, or came too late, is left to the engine.
      const addressUnknown = code === 'engine_silent' || faults.badJson !== undefined;
      expect(engine.state().counts.sessionsExpired).toBe(addressUnknown ? 1 : 0);
      const detaches = await gateway.metric('sluice_reader_detaches_total');
      expect([sum(detaches), detaches['{reason="start-failed"}']]).toEqual([3, 3]);
    },
  );

  it('that is down is answered with 503 and Retry-After, and used again when it is back', async () => {
    engine.global({ down: true });
    await until('the engine to be found unhealthy', async () => sum(await gateway.metric('sluice_engine_up')) === 0);
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    expect(await refusal(viewer)).toEqual([503, 'engine_unavailable']);
    expect(viewer.head).toMatch(/\r\nRetry-After: \d+(\r\n|$)/);
    engine.global({ down: false });
    await until(
      'the engine to be found healthy again',
      async () => sum(await gateway.metric('sluice_engine_up')) === 1,
    );
    const later = gateway.watch(`infohash=${INFOHASH}`);
    await later.more(100);
    later.leave();
    await expectClean();
  });

  it('that accepts and never answers is found out', async () => {
    engine.global({ hang: true });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    const [status] = await refusal(viewer);
    expect([503, 504]).toContain(status);
    engine.global({ hang: false });
  }, 30_000);

  it('is waited for no longer than a start may take', async () => {
    engine.patchContent(INFOHASH, { faults: { slowJson: { delayMs: 5_000 } } });
    const brief = await startGateway({ ACESTREAM_ENGINES: engine.url, ACESTREAM_TIMEOUT: '0.8' });
    try {
      const viewer = brief.watch(`infohash=${INFOHASH}`);
      const askedMs = performance.now();
      expect(await refusal(viewer)).toEqual([504, 'engine_silent']);
      expect(performance.now() - askedMs).toBeLessThan(4_000);
    } finally {
      await brief.close();
    }
  });

  it('gets an id that is really an infohash asked again as infohash', async () => {
    const viewer = gateway.watch(`id=${INFOHASH}`);
    await viewer.more(100);
    const shared = gateway.watch(`infohash=${INFOHASH}`);
    await shared.more(100);
    expect(engine.state().counts.sessionsStarted).toBe(1);
    viewer.leave();
    shared.leave();
    await expectClean();
  });

  it.each([
    ['names wrong hosts', {}],
    ['sends pieces of odd sizes', { oddChunks: { sizes: [1, 187, 1316, 65_536] } }],
    ['keeps the redirect open', { redirectKeptOpen: {} }],
    ['frames its body in chunks', { chunked: {} }],
    ['uses decimal tokens', { decimalToken: {} }],
    ['begins its statistics with an empty answer', { emptyStat: { times: 1 } }],
    ['starts slowly', { slowStart: { delayMs: 1_500 } }],
  ])('that %s is served all the same', async (what: string, faults: Faults) => {
    if (what === 'names wrong hosts') engine.global({ wrongHost: '192.0.2.7:1234' });
    engine.patchContent(INFOHASH, { faults });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(2_000);
    const { syncErrors, continuityErrors, lost, repeated } = viewer.check;
    expect([syncErrors, continuityErrors, lost, repeated]).toEqual([0, 0, 0, 0]);
    expect(viewer.check.opening.slice(0, 2).map(({ pid }) => pid)).toEqual([0, 0x1000]);
    viewer.leave();
    await expectClean();
    await until('the session to be stopped', () => engine.state().sessions.length === 0);
  });

  it('whose bytes start in the middle of a packet, or lose some, is put back on the grid', async () => {
    engine.patchContent(INFOHASH, { faults: { oddChunks: { offsetBytes: 77 } } });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(3_000);
    expect(viewer.check.syncErrors).toBe(0);
    viewer.leave();
    await expectClean();
  });

  it('whose body is not MPEG-TS is served byte by byte', async () => {
    engine.putContent('3'.repeat(40), { kind: 'bytes', bitsPerSecond: 8_000_000 });
    const viewer = gateway.watch(`infohash=${'3'.repeat(40)}`, { keep: true });
    await until('bytes', () => viewer.bytes > 200_000);
    expect(viewer.status).toBe(200);
    viewer.leave();
    await expectClean();
  });

  it.each([
    ['ends the body', { eof: { afterBytes: 2_500_000 } }, 'source-ended'],
    ['cuts the body in the middle of a packet', { cut: { afterBytes: 2_500_000 } }, 'source-ended'],
    ['stops sending', { stall: { afterBytes: 2_500_000 } }, 'source-failed'],
  ])(
    'that %s gets its viewers released with whole packets and one reason',
    async (_what: string, faults: Faults, reason: string) => {
      engine.patchContent(INFOHASH, { faults });
      const viewer = gateway.watch(`infohash=${INFOHASH}`);
      await within('the end of the stream', viewer.closed, 20_000);
      expect([viewer.status, viewer.check.syncErrors, viewer.check.heldBytes]).toEqual([200, 0, 0]);
      expect(viewer.check.packets).toBeGreaterThan(1_000);
      await expectClean();
      const detaches = await gateway.metric('sluice_reader_detaches_total');
      expect([sum(detaches), detaches[`{reason="${reason}"}`]]).toEqual([1, 1]);
      await until('the session to be stopped', () => engine.state().sessions.length === 0);
    },
  );

  it('whose stop command hangs holds nobody up', async () => {
    engine.patchContent(INFOHASH, { faults: { stopHangs: {} } });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(100);
    viewer.leave();
    await until(
      'the lease to be returned',
      async () => sum(await gateway.metric('sluice_engine_sessions')) === 0,
      15_000,
    );
    expect(gateway.log.some(({ msg }) => msg === 'session not confirmed stopped')).toBe(true);
  });

  it('is told to stop when everybody leaves during the start', async () => {
    engine.patchContent(INFOHASH, { faults: { slowJson: { delayMs: 700 } } });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await until('the start', () => engine.state().counts.getstreamCalls === 1);
    viewer.leave();
    await until('the session to be opened and stopped', () => {
      const { sessionsStarted, sessionsStopped } = engine.state().counts;
      return sessionsStarted === 1 && sessionsStopped === 1;
    });
    await expectClean();
  });

  it('is never sent anywhere else by a redirect to another host', async () => {
    const asked: string[] = [];
    const other: Server = createServer((incoming, answer) => {
      asked.push(incoming.url ?? '');
      answer.end();
    }).listen(0, '127.0.0.1');
    await until('the other host to listen', () => other.listening);
    const { port } = other.address() as AddressInfo;
    engine.patchContent(INFOHASH, {
      faults: { redirectElsewhere: { location: `http://127.0.0.1:${port}/content/x/y` } },
    });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await until('an answer', () => viewer.status > 0);
    viewer.leave();
    other.close();
    await expectClean();
    expect(asked).toEqual([]);
  });
});
