import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SEGMENT_BYTES } from '../../src/shared/budget.ts';
import { hasAdaptationFlags, PACKET_BYTES, pidOf } from '../../src/shared/mpegts.ts';
import { startGateway, sum, type TestGateway, unreadBytes } from '../helpers/gateway.ts';
import { memoryFileCounts, memoryFiles } from '../helpers/memory-files.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';
import { faults, type Viewer } from '../helpers/viewer.ts';

/** Fast, so that a full socket (some MB) and the log fill within a second or two. */
const BITS_PER_SECOND = 60_000_000;
const TABLE_PACKETS = 2;
/** A splice's copies carry flags that the log's packets don't; it is at most this long. */
const SPLICE_PACKETS = 300;
const PROBE_PACKETS = 20;
/** Contents by the shard that serves them. */
const HASHES = ['1', '2', '3', '4', '5', '6', '7', '8'].map(digit => digit.repeat(40));

let engine: StandIn;
let gateway: TestGateway;

async function start(env: Record<string, string>, bitsPerSecond = BITS_PER_SECOND): Promise<void> {
  for (const hash of HASHES) engine.putContent(hash, { kind: 'synthetic', bitsPerSecond });
  gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, TRANSPORT: 'handoff', ...env });
}

/** A content that this shard serves. */
const servedBy = (shard: number): string => HASHES.find(hash => gateway.gateway.shards.shardFor(hash) === shard)!;

const watch = (hash: string, options?: { keep: boolean }): Viewer => gateway.watch(`infohash=${hash}`, options);

/** Bytes that the gateway sent and the viewer has not read, most of them in the kernel. */
async function unread({ socket }: Viewer): Promise<number> {
  return (await unreadBytes(gateway.port, socket.localPort!)) + socket.readableLength;
}

/** Stops reading, and waits until the socket takes nothing while another viewer gets more. @returns what is unread */
async function fillUp(viewer: Viewer, other: Viewer): Promise<number> {
  viewer.socket.pause();
  return until('the socket to be full', async () => {
    const before = await unread(viewer);
    await other.more(10_000);
    return before > 2 << 20 && (await unread(viewer)) === before && before;
  });
}

/** Where a viewer's packets jump: every PAT that announces a discontinuity. */
function jumpsIn(body: Buffer): number[] {
  const jumps: number[] = [];
  for (let at = 0; at + PACKET_BYTES <= body.length; at += PACKET_BYTES)
    if (pidOf(body, at) === 0 && hasAdaptationFlags(body, at) && (body[at + 5]! & 0x80) !== 0) jumps.push(at);
  return jumps;
}

/** How many bytes at the begin of a stretch are in `whole` as they are, from where its first packets are found. */
function commonBytes(stretch: Buffer, whole: Buffer): number {
  const at = whole.indexOf(stretch.subarray(0, PROBE_PACKETS * PACKET_BYTES));
  if (at < 0) return 0;
  let same = 0;
  let unlike = Math.min(stretch.length, whole.length - at) + 1;
  while (unlike - same > 1) {
    const middle = Math.floor((same + unlike) / 2);
    if (stretch.subarray(0, middle).equals(whole.subarray(at, at + middle))) same = middle;
    else unlike = middle;
  }
  return same;
}

beforeEach(async () => {
  engine = await startStandIn({ burstSeconds: 0.5 });
});

afterEach(async () => {
  await gateway.close();
  await engine.close();
  expect(memoryFileCounts()).toEqual([0, 0]);
});

describe.each(['on', 'off'])('a log that moves on past unread bytes, ZERO_COPY=%s', zeroCopy => {
  it('leaves a viewer exactly what had been sent, and packets in order after each announced jump', async () => {
    await start({ ZERO_COPY: zeroCopy, LOG_SECONDS: '1', LOG_BYTES: '4M' });
    const healthy = watch(HASHES[0]!, { keep: true });
    const slow = watch(HASHES[0]!, { keep: true });
    await Promise.all([healthy.more(1_000), slow.more(1_000)]);
    expect(memoryFileCounts()[0] > 0).toBe(zeroCopy === 'on');
    const held: number[] = [];
    for (let pauses = 1; pauses <= 3; pauses++) {
      held.push(slow.bytes + (await fillUp(slow, healthy)));
      await healthy.more(60_000, 20_000); // More than twice what the log holds.
      slow.socket.resume();
      await until('the jump to arrive', () => slow.check.discontinuities >= pauses * 4);
      await slow.more(10_000);
    }
    for (const viewer of [healthy, slow]) viewer.leave();
    const { syncErrors, continuityErrors, repeated, lost } = slow.check;
    expect({ syncErrors, continuityErrors, repeated }).toEqual({ syncErrors: 0, continuityErrors: 0, repeated: 0 });
    expect(lost).toBeGreaterThan(10_000);
    expect([faults(healthy), healthy.check.discontinuities]).toEqual([0, 0]);
    const [body, whole] = [slow.body, healthy.body];
    const jumps = jumpsIn(body);
    // Not a byte of what the socket held is missing or changed, nor of what came between the jumps.
    expect(jumps[0]).toBeGreaterThanOrEqual(held[0]! - PACKET_BYTES);
    const starts = [TABLE_PACKETS * PACKET_BYTES, ...jumps.map(at => at + SPLICE_PACKETS * PACKET_BYTES)];
    const ends = [...jumps, Math.floor(body.length / PACKET_BYTES) * PACKET_BYTES];
    let compared = 0;
    for (const [i, from] of starts.entries()) {
      const stretch = body.subarray(from, Math.max(from, ends[i]!));
      // The slow one may have got the newest bytes before the other.
      if (i === jumps.length) expect(commonBytes(stretch, whole)).toBeGreaterThan(stretch.length - (1 << 20));
      else expect(commonBytes(stretch, whole)).toBe(stretch.length);
      compared += stretch.length;
    }
    expect(compared).toBeGreaterThan(8 << 20);
  });
});

describe('memory files', () => {
  it('of a shard that dies are given back; its viewers go on, with all that their sockets held; others notice nothing', async () => {
    await start({ LOG_SECONDS: '600', LOG_BYTES: '256M' });
    const [hash, otherHash] = [servedBy(0), servedBy(1)];
    const healthy = watch(hash, { keep: true });
    const slow = watch(hash, { keep: true });
    await slow.more(1_000);
    const held = slow.bytes + (await fillUp(slow, healthy));
    const dying = memoryFiles();
    expect(dying.open.size).toBeGreaterThan(2);
    const other = watch(otherHash);
    await other.more(20_000);
    const survivors = [...memoryFiles().open].filter(inode => !dying.open.has(inode));
    await gateway.gateway.shards.handles[0]!.kill();
    await until('the dead shard’s files to be given back', () => {
      const { open, mapped } = memoryFiles();
      return [...dying.open].every(inode => !open.has(inode) && !mapped.has(inode));
    });
    await Promise.all([healthy.more(60_000, 20_000), other.more(60_000, 20_000)]);
    const { open } = memoryFiles();
    expect(survivors.filter(inode => open.has(inode)).length).toBeGreaterThan(0);
    slow.socket.resume();
    await until('the jump to arrive', () => slow.check.discontinuities >= 4);
    await slow.more(10_000);
    const sent = slow.body.subarray(TABLE_PACKETS * PACKET_BYTES, held);
    expect(commonBytes(sent, healthy.body)).toBe(sent.length);
    for (const { check, isClosed } of [healthy, slow]) expect([check.syncErrors, isClosed]).toEqual([0, false]);
    expect([faults(other), other.check.discontinuities]).toEqual([0, 0]);
    for (const viewer of [healthy, slow, other]) viewer.leave();
    await until('all files to be given back', () => memoryFileCounts().every(count => count === 0));
  });

  it('are given back by a stream that is closed or loses its last viewer, and by a gateway that ends', async () => {
    await start({ LOG_SECONDS: '600' }, 8_000_000);
    const [closed, left, open] = [0, 1, 2].map(i => watch(HASHES[i]!)) as [Viewer, Viewer, Viewer];
    await Promise.all([closed, left, open].map(viewer => viewer.more(7_000)));
    /** Waits until there are as many files as the logs of so many streams hold. */
    const settled = (streams: number): Promise<unknown> =>
      until(`the files of ${streams} streams, and no other`, async () => {
        const held = sum(await gateway.metric('sluice_packet_log_bytes')) / SEGMENT_BYTES;
        const running = sum(await gateway.metric('sluice_streams'));
        return running === streams && held >= streams && memoryFileCounts().every(count => count === held);
      });
    await settled(3);
    await gateway.call(`/api/aceproxy/streams/${HASHES[0]}`, { method: 'DELETE' });
    await settled(2);
    left.leave();
    await settled(1);
    await open.more(3_000);
    expect([faults(open), memoryFileCounts()[0] > 0]).toEqual([0, true]);
    await gateway.close();
    expect(memoryFileCounts()).toEqual([0, 0]);
    open.leave();
  });
});
