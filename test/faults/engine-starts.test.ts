import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Faults } from '../../workers/demo/faults.ts';
import { descriptorsBackTo, openDescriptors, startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';
import type { Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
/** What an engine never answers is given up after so long. */
const NO_RESPONSE_SECONDS = 1;

/** What goes wrong, how it is switched on, and what viewers are answered. */
type StartFault = [what: string, faults: Faults, status: number, code: string];

/** An engine, and a gateway that does not wait as long as a real one, of this case alone. */
async function withGateway(work: (gateway: TestGateway, engine: StandIn) => Promise<void>): Promise<void> {
  const engine = await startStandIn({ idleExpiryMs: 3_000 });
  engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: 4_000_000 });
  const gateway = await startGateway({
    SHARDS: '1',
    ACESTREAM_ENGINES: engine.url,
    ACESTREAM_NO_RESPONSE_TIMEOUT: String(NO_RESPONSE_SECONDS),
    ACESTREAM_TIMEOUT: '3',
    START_STALLED_TIMEOUT: '1',
    ACESTREAM_EMPTY_TIMEOUT: '1',
    ENGINE_HEALTH_INTERVAL: '0.2',
  });
  try {
    await until('the engine to be found healthy', async () => sum(await gateway.metric('sluice_engine_up')) === 1);
    await work(gateway, engine);
    for (const metric of ['sluice_readers', 'sluice_engine_sessions', 'sluice_streams'])
      await until(`${metric} to be 0`, async () => sum(await gateway.metric(metric)) === 0);
    await until('sessions to end', () => engine.state().sessions.length === 0, 15_000);
    expect(gateway.fatal).toEqual([]);
    expect(sum(await gateway.metric('sluice_shard_restarts_total'))).toBe(0);
  } finally {
    await gateway.close();
    await engine.close();
  }
}

async function refusal(viewer: Viewer): Promise<[number, string]> {
  const { error } = (await viewer.json()) as { error: { code: string; message: string } };
  expect(error.message).not.toBe('');
  return [viewer.status, error.code];
}

/** An address of the control document that leads nowhere, or where nobody may go. */
const absurd = (what: string, value: string): StartFault => [
  `names ${what} as playback address`,
  { garbagePlaybackUrl: { value } },
  502,
  'engine_bad_answer',
];

describe('an engine', () => {
  let descriptors: number;

  beforeAll(async () => {
    // Node and the native library open what they keep open for good.
    await withGateway(async gateway => {
      const viewer = gateway.watch(`infohash=${INFOHASH}`);
      await viewer.more(10);
      viewer.leave();
    });
    descriptors = await openDescriptors();
  });

  afterAll(() => descriptorsBackTo(descriptors));

  it.concurrent.each<StartFault>([
    ['does not know the content', { unknownId: {} }, 404, 'content_not_found'],
    ['takes too long to answer the start', { slowJson: { delayMs: 5_000 } }, 504, 'engine_silent'],
    ['finds no peers', { noPeers: {} }, 504, 'no_peers'],
    ['has peers but gets no data', { peersNoData: { peers: 5 } }, 504, 'start_timeout'],
    ['refuses JSON', { premium: {} }, 502, 'engine_refused'],
    ['fails to start playback', { failToStart: {} }, 502, 'engine_bad_answer'],
    ['answers HTML', { badJson: { kind: 'html', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['answers half a JSON document', { badJson: { kind: 'truncated', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['answers nothing', { badJson: { kind: 'empty', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['sends headers without end', { badJson: { kind: 'hugeHeaders', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['answers without end', { badJson: { kind: 'endless', on: 'getstream' } }, 502, 'engine_bad_answer'],
    ['redirects in a circle', { redirectLoop: {} }, 502, 'engine_bad_answer'],
    ['redirects to a file', { redirectElsewhere: { location: 'file:///etc/passwd' } }, 502, 'engine_bad_answer'],
    absurd('no address', ':// no url'),
    absurd('a file', 'file:///etc/passwd'),
    absurd('a script', 'javascript:alert(1)'),
    absurd('a page that is none of an engine', 'http://127.0.0.1/sim/state'),
    absurd('a way out of its folders', 'http://127.0.0.1/ace/../sim/state'),
    absurd('a hundred thousand letters', `http://127.0.0.1/ace/r/${'a'.repeat(100_000)}`),
    absurd('nothing', ''),
  ])('that %s is answered with a reason, and nothing is left behind', (...[, faults, status, code]) =>
    withGateway(async (gateway, engine) => {
      engine.patchContent(INFOHASH, { faults });
      const viewers = [0, 1, 2].map(() => gateway.watch(`infohash=${INFOHASH}`));
      for (const viewer of viewers) expect(await refusal(viewer)).toEqual([status, code]);
      await until('sessions to end', () => engine.state().sessions.length === 0, 15_000);
      // Only a session whose address never came, or came too late, is left to the engine.
      const addressUnknown = code === 'engine_silent' || faults.badJson !== undefined;
      expect(engine.state().counts.sessionsExpired).toBe(addressUnknown ? 1 : 0);
      const detaches = await gateway.metric('sluice_reader_detaches_total');
      expect([sum(detaches), detaches['{reason="start-failed"}']]).toEqual([3, 3]);
    }),
  );

  it.concurrent.each<[what: string, faults: Faults]>([
    ['names wrong hosts', { wrongHost: { host: '192.0.2.7:1234' } }],
    ['sends pieces of odd sizes', { oddChunks: { sizes: [1, 187, 1316, 65_536] } }],
    ['begins inside a packet', { oddChunks: { offsetBytes: 77 } }],
    ['keeps the redirect open', { redirectKeptOpen: {} }],
    ['frames its body in chunks', { chunked: {} }],
    ['uses decimal tokens', { decimalToken: {} }],
    ['begins its statistics with an empty answer', { emptyStat: { times: 1 } }],
    ['gives statistics without end', { badJson: { kind: 'endless', on: 'stat' } }],
    ['gives statistics that are HTML', { badJson: { kind: 'html', on: 'stat' } }],
    ['starts slowly', { slowStart: { delayMs: 1_500 } }],
  ])('that %s is served all the same', (_what, faults) =>
    withGateway(async (gateway, engine) => {
      engine.patchContent(INFOHASH, { faults });
      const viewer = gateway.watch(`infohash=${INFOHASH}`);
      await viewer.more(2_000);
      const { syncErrors, counterJumps, lost, repeated } = viewer.check;
      expect([syncErrors, counterJumps, lost, repeated]).toEqual([0, 0, 0, 0]);
      expect(viewer.check.opening.slice(0, 2).map(({ pid }) => pid)).toEqual([0, 0x1000]);
      expect(engine.state().counts.sessionsStarted).toBe(1);
      viewer.leave();
    }),
  );
});
