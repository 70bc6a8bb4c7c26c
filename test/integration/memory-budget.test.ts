import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MIN_SEGMENTS_PER_STREAM, SEGMENT_BYTES } from '../../src/shared/budget.ts';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { faults, type Viewer } from '../helpers/viewer.ts';

const BUDGET_BYTES = 16 << 20;
const STREAMS = 4;
/** What logs hold while a further stream could come: all but the four segments that it can count on. */
const FULL_BYTES = (16 - MIN_SEGMENTS_PER_STREAM) * SEGMENT_BYTES;
const BITS_PER_SECOND = 24_000_000;
/** Between two looks at how much is held. */
const LOOK_MS = 10;
const hashOf = (index: number): string => String(index + 1).repeat(40);

describe.each(['on', 'off'])('a MEMORY_BUDGET for %s zero-copy', zeroCopy => {
  let engine: StandIn;
  let gateway: TestGateway;
  let viewers: Viewer[];
  /** Ends the watch over the budget, and tells the most that was held. */
  let mostHeld: () => Promise<number>;

  const logBytes = async (): Promise<number> => sum(await gateway.metric('sluice_packet_log_bytes'));

  beforeEach(async () => {
    engine = await startStandIn({ burstSeconds: 0.5 });
    for (let i = 0; i <= STREAMS; i++)
      engine.putContent(hashOf(i), { kind: 'synthetic', bitsPerSecond: BITS_PER_SECOND });
    gateway = await startGateway({
      ACESTREAM_ENGINES: engine.url,
      ZERO_COPY: zeroCopy,
      MEMORY_BUDGET: '16M',
      LOG_BYTES: '64M',
      LOG_SECONDS: '600',
    });
    viewers = [];
    let watching = true;
    let most = 0;
    const watched = (async () => {
      for (; watching; await delay(LOOK_MS)) most = Math.max(most, await logBytes());
    })();
    mostHeld = async () => {
      watching = false;
      await within('the last look', watched);
      return most;
    };
  });

  afterEach(async () => {
    await mostHeld();
    for (const viewer of viewers) viewer.leave();
    await gateway.close();
    await engine.close();
  });

  const watch = async (index: number): Promise<Viewer> => {
    const viewer = gateway.watch(`infohash=${hashOf(index)}`);
    viewers.push(viewer);
    await viewer.more(1_000);
    return viewer;
  };

  it('is never exceeded: logs shrink for new streams, one too many is told when to try again, nobody loses a packet', async () => {
    const first = await watch(0);
    await until(
      'the only log to take all but what a second can count on',
      async () => (await logBytes()) >= FULL_BYTES,
    );
    for (let i = 1; i < STREAMS; i++) {
      await watch(i);
      if (i < STREAMS - 1) await until('room for the next one', async () => (await logBytes()) <= FULL_BYTES);
    }
    const refused = gateway.watch(`infohash=${hashOf(STREAMS)}`);
    expect(await refused.json()).toMatchObject({ error: { code: 'memory_full' } });
    expect([refused.status, /^Retry-After: 10$/im.test(refused.head)]).toEqual([503, true]);
    // With all of them open there is no more for each than what it can count on.
    await until('the logs to have equal parts', async () => {
      const answer = await gateway.call('/api/aceproxy/streams');
      const { streams } = (await answer.json()) as { streams: { log_bytes: number }[] };
      return streams.length === STREAMS && streams.every(({ log_bytes }) => log_bytes * STREAMS <= BUDGET_BYTES);
    });
    await Promise.all(viewers.map(viewer => viewer.more(20_000, 30_000)));
    expect(viewers.map(viewer => [faults(viewer), viewer.check.discontinuities])).toEqual(viewers.map(() => [0, 0]));
    expect(sum(await gateway.metric('sluice_reader_skips_total'))).toBe(0);
    first.leave();
    await until('the first stream to end', async () => sum(await gateway.metric('sluice_streams')) === STREAMS - 1);
    await watch(STREAMS);
    const most = await mostHeld();
    expect([most > FULL_BYTES, most <= BUDGET_BYTES]).toEqual([true, true]);
  });
});
