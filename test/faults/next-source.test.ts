import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { descriptorsBackTo, openDescriptors, startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { Viewer } from '../helpers/viewer.ts';

const RECOVERY_SECONDS = 3;

/** Two servers of plain MPEG-TS, the preferred one and another. */
let origins: [StandIn, StandIn];
let gateway: TestGateway;
let descriptors: number;

beforeAll(async () => {
  const [origin, warmUp] = [await startStandIn(), await startGateway({ ACESTREAM_ENABLED: 'false' })];
  await warmUp.close();
  await origin.close();
  descriptors = await openDescriptors();
});

afterAll(() => descriptorsBackTo(descriptors));

beforeEach(async () => {
  origins = [await startStandIn(), await startStandIn()];
  gateway = await startGateway({
    ACESTREAM_ENABLED: 'false',
    ALLOW_PRIVATE_SOURCES: 'true',
    HTTP_SOURCES: '*',
    HTTP_TIMEOUT: '1',
    RECOVERY_TIMEOUT: String(RECOVERY_SECONDS),
  });
});

afterEach(async () => {
  await gateway.close();
  for (const origin of origins) await origin.close();
});

const address = ({ url }: StandIn): string => `url=${encodeURIComponent(`${url}/raw?bps=2000000`)}`;
const watch = (): Viewer => new Viewer(gateway.port, `/http/getstream?${origins.map(address).join('&')}`);
const fail = (origin: StandIn): void => void origin.global({ down: true, restart: true });
const heal = (origin: StandIn): void => void origin.global({ down: false });
const readers = (): number[] => origins.map(origin => origin.state().rawReadersOpenNow);

/** Two viewers of one stream, both with a picture. */
async function watchTwice(): Promise<Viewer[]> {
  const viewers = [watch(), watch()];
  await Promise.all(viewers.map(viewer => viewer.more(300)));
  return viewers;
}

/** Null packets don't count. */
async function pictures(viewers: readonly Viewer[]): Promise<void> {
  const wanted = viewers.map(({ check }) => check.stamped + 500);
  await until('pictures for everybody', () => viewers.every(({ check }, i) => check.stamped >= wanted[i]!));
}

/** What the administrator sees: which source of how many, and where that is. */
async function shown(): Promise<unknown> {
  const { streams } = (await (await gateway.call('/api/aceproxy/streams')).json()) as { streams: unknown[] };
  return streams[0];
}

describe('a stream with two sources', () => {
  it('goes on with the next one when the preferred one dies, and back when that one does', async () => {
    const viewers = await watchTwice();
    expect(readers()).toEqual([1, 0]);
    fail(origins[0]);
    await until('the other source to be read', () => readers()[1] === 1);
    await pictures(viewers);
    expect(await shown()).toMatchObject({ source: 1, sources: 2, engine: `127.0.0.1:${origins[1].port}` });
    heal(origins[0]);
    fail(origins[1]);
    await until('the preferred source to be read again', () => readers()[0] === 1);
    await pictures(viewers);
    expect(await shown()).toMatchObject({ source: 0, engine: `127.0.0.1:${origins[0].port}` });
    for (const { check, isClosed } of viewers) {
      expect({ isClosed, syncErrors: check.syncErrors, jumps: check.counterJumps }).toEqual({
        isClosed: false,
        syncErrors: 0,
        jumps: 0,
      });
      expect(check.discontinuities).toBeGreaterThanOrEqual(2);
    }
    expect(sum(await gateway.metric('sluice_stream_interruptions_total'))).toBe(2);
    expect((await gateway.metric('sluice_stream_recoveries_total'))['{how="next-source"}']).toBe(2);
    for (const viewer of viewers) viewer.leave();
    await until('the upstream to be closed', () => readers().every(open => open === 0));
  });

  it('lets its viewers go on whole packets, for one reason, when neither comes back in time', async () => {
    const viewers = await watchTwice();
    const failedMs = performance.now();
    for (const origin of origins) fail(origin);
    await Promise.all(viewers.map(viewer => within('the end of the connection', viewer.closed, 15_000)));
    const tookMs = performance.now() - failedMs;
    expect(tookMs).toBeGreaterThan(RECOVERY_SECONDS * 400);
    expect(tookMs).toBeLessThan(RECOVERY_SECONDS * 1000 + 3_000);
    for (const { check, status } of viewers)
      expect([status, check.heldBytes, check.syncErrors, check.counterJumps]).toEqual([200, 0, 0, 0]);
    const detaches = await gateway.metric('sluice_reader_detaches_total');
    expect([sum(detaches), detaches['{reason="source-failed"}']]).toEqual([2, 2]);
    expect(gateway.log.some(({ reason }) => reason === 'recovery_failed')).toBe(true);
    await until('the stream to be forgotten', async () => sum(await gateway.metric('sluice_streams')) === 0);
    expect(sum(await gateway.metric('sluice_packet_log_bytes'))).toBe(0);
  });

  it('is begun with the preferred one, whatever its predecessor had to do', async () => {
    fail(origins[0]);
    const first = watch();
    await first.more(300);
    expect(readers()).toEqual([0, 1]);
    first.leave();
    await until('the upstream to be closed', () => readers()[1] === 0);
    heal(origins[0]);
    const second = watch();
    await second.more(300);
    expect(readers()).toEqual([1, 0]);
    second.leave();
  });

  it('that can be had nowhere is refused with the reason', async () => {
    for (const origin of origins) fail(origin);
    const viewer = watch();
    expect(await viewer.json()).toMatchObject({ error: { code: 'source_unavailable' } });
    expect(viewer.status).toBe(503);
    expect(gateway.log.filter(({ msg }) => msg === 'trying again')).toHaveLength(1);
  });
});
