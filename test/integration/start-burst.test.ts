import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';
import { faults, type Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
const BURST_BYTES = 30_000_000;
const BYTES_PER_SECOND = 5_000_000;
const TURN_MS = 5;

interface Described {
  log_bytes: number;
  clients: { lag_bytes: number; skips: number }[];
}

/** Lets a viewer read at most so many bytes a second, as a link does. */
function throttle({ socket, closed }: Viewer, bytesPerSecond: number): void {
  const startedMs = performance.now();
  let read = 0;
  const allowed = (): number => ((performance.now() - startedMs) / 1000) * bytesPerSecond;
  socket.on('data', chunk => {
    read += chunk.length;
    if (read > allowed()) socket.pause();
  });
  const timer = setInterval(() => {
    if (read <= allowed()) socket.resume();
  }, TURN_MS);
  void closed.then(() => clearInterval(timer));
}

describe.each(['on', 'off'])('a start burst of 30 MB, ZERO_COPY=%s', zeroCopy => {
  let engine: StandIn;
  let gateway: TestGateway;
  let viewers: Viewer[];

  beforeEach(async () => {
    engine = await startStandIn();
    engine.putContent(INFOHASH, {
      kind: 'synthetic',
      bitsPerSecond: 8 * BYTES_PER_SECOND,
      burstBytes: BURST_BYTES,
      startOffsetPackets: 0,
    });
    // The burst is much older than the log would keep it before the slowest has it.
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, ZERO_COPY: zeroCopy, LOG_SECONDS: '1' });
  });

  afterEach(async () => {
    for (const viewer of viewers) viewer.leave();
    await gateway.close();
    await engine.close();
  });

  /** The stream, with its viewers in the order in which they came. */
  const described = async (): Promise<Described> => {
    const answer = await gateway.call(`/api/aceproxy/streams/${INFOHASH}`);
    return ((await answer.json()) as { stream: Described }).stream;
  };

  it('reaches a reader at full speed and one at twice the rate without a skip, beside one who never reads', async () => {
    const fast = gateway.watch(`infohash=${INFOHASH}`);
    const steady = gateway.watch(`infohash=${INFOHASH}`);
    viewers = [fast, steady, gateway.watch(`infohash=${INFOHASH}`, { paused: true })];
    throttle(steady, 2 * BYTES_PER_SECOND);
    await until('the burst to reach the fast one', () => fast.bytes > BURST_BYTES);
    // Two are far behind, one of them for good.
    // In sockets alone there is no room for so much.
    expect((await described()).clients[1]!.lag_bytes).toBeGreaterThan(BURST_BYTES / 3);
    await until('the steady one to catch up', () => fast.bytes - steady.bytes < BYTES_PER_SECOND / 10, 30_000);
    await Promise.all([fast.more(10_000), steady.more(10_000)]);
    for (const viewer of [fast, steady])
      expect([faults(viewer), viewer.check.discontinuities, viewer.bytes > BURST_BYTES]).toEqual([0, 0, true]);
    const { clients } = await described();
    expect(clients.map(({ skips }) => skips).slice(0, 2)).toEqual([0, 0]);
    // The log does not keep the past for the one who never reads.
    expect(clients[2]!.lag_bytes).toBeGreaterThan(BURST_BYTES);
    await until('the log to be short', async () => (await described()).log_bytes < 3 * BYTES_PER_SECOND);
  });
});
