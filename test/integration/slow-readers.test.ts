import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { faults } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
const PMT_PID = 0x1000;
/** Fast, so that a full socket (some MB) and the log fill within a second or two. */
const BITS_PER_SECOND = 60_000_000;

describe.each(['handoff', 'relay'])('slow readers by %s', transport => {
  let engine: StandIn;
  let gateway: TestGateway;

  const start = async (env: Record<string, string>): Promise<void> => {
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, TRANSPORT: transport, ...env });
  };

  const lags = async (): Promise<number[]> => {
    const answer = await gateway.call(`/api/aceproxy/streams/${INFOHASH}`);
    const { stream } = (await answer.json()) as { stream: { clients: { lag_bytes: number }[] } };
    return stream.clients.map(client => client.lag_bytes);
  };

  beforeEach(async () => {
    engine = await startStandIn({ burstSeconds: 0.5 });
    engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: BITS_PER_SECOND });
  });

  afterEach(async () => {
    await gateway.close();
    await engine.close();
  });

  it('moves a reader who lost its place to a random-access point, with every jump announced', async () => {
    await start({ LOG_SECONDS: '1', LOG_BYTES: '4M' });
    const healthy = gateway.watch(`infohash=${INFOHASH}`);
    const slow = gateway.watch(`infohash=${INFOHASH}`);
    await slow.more(1_000);
    for (let pauses = 1; pauses <= 3; pauses++) {
      slow.socket.pause();
      // Sockets hold many megabytes; once they are full, the log must move on past the reader.
      await until('the socket to be full', async () => (await lags()).some(bytes => bytes > 0), 20_000);
      const { packets } = healthy.check;
      await until('the log to move on', () => healthy.check.packets - packets > 40_000, 20_000);
      slow.socket.resume();
      // What its socket still held comes first, then PAT, PMT, video and audio each announce the jump.
      await until('the jump to arrive', () => slow.check.discontinuities >= pauses * 4, 20_000);
      await slow.more(20_000);
    }
    const { syncErrors, continuityErrors, repeated, lost } = slow.check;
    expect({ syncErrors, continuityErrors, repeated }).toEqual({ syncErrors: 0, continuityErrors: 0, repeated: 0 });
    expect(lost).toBeGreaterThan(10_000);
    expect(faults(healthy)).toBe(0);
    expect(healthy.check.discontinuities).toBe(0);
    expect(sum(await gateway.metric('sluice_reader_skips_total'))).toBeGreaterThanOrEqual(3);
    slow.leave();
    healthy.leave();
  });

  it('gives a reader who pauses within the log every byte, on the grid', async () => {
    await start({ LOG_SECONDS: '30', LOG_BYTES: '256M' });
    const healthy = gateway.watch(`infohash=${INFOHASH}`, { keep: true });
    const pausing = gateway.watch(`infohash=${INFOHASH}`, { keep: true });
    await pausing.more(1_000);
    for (let i = 0; i < 4; i++) {
      pausing.socket.pause();
      await healthy.more(15_000);
      pausing.socket.resume();
      await pausing.more(5_000);
    }
    await pausing.more(20_000, 20_000);
    expect([faults(healthy), faults(pausing)]).toEqual([0, 0]);
    expect(pausing.check.discontinuities).toBe(0);
    const common = Math.min(healthy.bytes, pausing.bytes);
    expect(healthy.body.subarray(0, common).equals(pausing.body.subarray(0, common))).toBe(true);
    pausing.leave();
    healthy.leave();
  });

  it.each([1, 30])('leaves the others alone when %i viewers never read', async count => {
    await start({ LOG_SECONDS: '1', LOG_BYTES: '4M' });
    const healthy = [0, 1, 2].map(() => gateway.watch(`infohash=${INFOHASH}`));
    await Promise.all(healthy.map(viewer => viewer.more(1_000)));
    const dead = Array.from({ length: count }, () => gateway.watch(`infohash=${INFOHASH}`, { paused: true }));
    await until('everybody to be attached', async () => sum(await gateway.metric('sluice_readers')) === 3 + count);
    await Promise.all(healthy.map(viewer => viewer.more(100_000, 30_000)));
    for (const viewer of healthy) expect(faults(viewer)).toBe(0);
    expect(engine.state().counts.sessionsStarted).toBe(1);
    for (const viewer of [...healthy, ...dead]) viewer.leave();
  });

  it('detaches a reader who takes nothing for STALE_CLIENT_TIMEOUT, once, and nobody else', async () => {
    await start({ LOG_SECONDS: '1', LOG_BYTES: '4M', STALE_CLIENT_TIMEOUT: '1' });
    const healthy = gateway.watch(`infohash=${INFOHASH}`);
    const dead = gateway.watch(`infohash=${INFOHASH}`, { paused: true });
    const detached = await until(
      'the stale reader to be detached',
      () => gateway.log.find(({ reason }) => reason === 'stale'),
      30_000,
    );
    expect(detached.msg).toBe('client removed, 1 remaining');
    await healthy.more(10_000);
    expect(faults(healthy)).toBe(0);
    expect(await gateway.metric('sluice_reader_detaches_total')).toMatchObject({
      '{reason="stale"}': 1,
      '{reason="client-gone"}': 0,
    });
    // What its socket held still arrives, then the connection is over.
    dead.socket.resume();
    await within('the end of the stale connection', dead.closed);
    expect([dead.check.syncErrors, dead.check.continuityErrors]).toEqual([0, 0]);
    healthy.leave();
  });

  it('begins again with PAT and PMT after a gap', async () => {
    await start({ LOG_SECONDS: '1', LOG_BYTES: '16M' });
    const healthy = gateway.watch(`infohash=${INFOHASH}`);
    const slow = gateway.watch(`infohash=${INFOHASH}`, { paused: true, keep: true });
    await healthy.more(80_000, 30_000);
    slow.socket.resume();
    await until('the skip', () => gateway.log.some(({ msg }) => msg === 'slow client moved ahead'));
    await slow.more(70_000, 30_000);
    slow.leave();
    healthy.leave();
    const { body } = slow;
    const pids: number[] = [];
    for (let at = 0; at + 188 <= body.length; at += 188) pids.push(((body[at + 1]! & 0x1f) << 8) | body[at + 2]!);
    const flagged = pids.findIndex(
      (pid, i) => pid === 0 && (body[i * 188 + 3]! & 0x20) !== 0 && (body[i * 188 + 5]! & 0x80) !== 0,
    );
    expect(pids.slice(flagged, flagged + 2)).toEqual([0, PMT_PID]);
    const [video] = pids.slice(flagged + 2).flatMap((pid, i) => (pid === 0x100 ? [flagged + 2 + i] : []));
    expect(body[video! * 188 + 5]! & 0xc0).toBe(0xc0); // discontinuity and random access
  });
});
