import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pidOf } from '../../../src/shared/mpegts.ts';
import type { FaultPatch } from '../../../workers/demo/fault-set.ts';
import { PMT_PID } from '../../../workers/demo/packets.ts';
import { type StandIn, startStandIn } from '../../helpers/stand-in.ts';
import { type Control, open, poll, start, statOf } from './player.ts';
import { offsets, pcrs, problems, stamps, ticksBetween } from './transport-stream.ts';
import type { WireRequest } from './wire-client.ts';

const infohash = '6'.repeat(40);
const BURST_BYTES = 188 * 5000;

let standIn: StandIn;
let control: Control;

beforeEach(async () => {
  standIn = await startStandIn();
});

afterEach(async () => {
  await standIn.close();
});

/** Plays a content with a burst of about 0.94 MB and these faults. */
async function play(faults: FaultPatch): Promise<WireRequest> {
  standIn.putContent(infohash, { kind: 'synthetic', burstBytes: BURST_BYTES, startOffsetPackets: 0, faults });
  control = await start(standIn, infohash);
  return open(control);
}

const switchOn = (faults: FaultPatch): void => standIn.patchContent(infohash, { faults });

describe('a stall', () => {
  it('stops the bytes at the count given and then catches up', async () => {
    const request = await play({ stall: { afterBytes: 188_000, forMs: 300 } });
    await request.body(188_000);
    const { response } = await statOf(control);
    expect(response).toMatchObject({ status: 'dl', peers: 12, speed_down: 7 });
    const body = await request.body(BURST_BYTES);
    expect(problems(body)).toEqual({ sync: 0, counter: 0 });
    request.close();
  });

  it('freezes downloaded and livepos until it is lifted', async () => {
    const request = await play({});
    await request.body(BURST_BYTES);
    switchOn({ stall: {} });
    await poll('the stall', async () => (await statOf(control)).response?.speed_down === 7);
    const before = (await statOf(control)).response;
    const received = request.received.length;
    await new Promise<void>(resolve => setTimeout(resolve, 100));
    expect((await statOf(control)).response?.downloaded).toBe(before?.downloaded);
    expect(request.received).toHaveLength(received);
    switchOn({ stall: null });
    await request.body(received + 10_000);
    request.close();
  });
});

describe('an ending', () => {
  it('eof is clean, on a packet boundary, and leaves the session', async () => {
    const request = await play({ eof: { afterBytes: 188_000 } });
    expect(await request.rest()).toHaveLength(188_000);
    expect(await request.ended()).toBe('end');
    expect((await statOf(control)).error).toBeNull();
    const again = await open(control);
    await again.body(200_000);
    again.close();
  });

  it('eof takes the session along if asked to', async () => {
    const request = await play({ eof: { session: 'dies' } });
    await request.ended();
    expect((await statOf(control)).error).toBe('unknown playback session id');
  });

  it('cut resets the connection in the middle of a packet', async () => {
    const request = await play({});
    await request.body(BURST_BYTES);
    switchOn({ cut: {} });
    expect(await request.ended()).toBe('reset');
    const body = await request.rest();
    expect([0, 94]).toContain(body.length % 188);
    expect((await statOf(control)).error).toBeNull();
  });

  it('superseded ends the body at its trigger, or at once without one, and the session with it', async () => {
    const request = await play({ superseded: { afterBytes: 188_000 } });
    expect(await request.rest()).toHaveLength(188_000);
    expect((await statOf(control)).error).toBe('unknown playback session id');
    control = await start(standIn, infohash);
    switchOn({ superseded: {} });
    expect((await statOf(control)).error).toBe('unknown playback session id');
  });
});

describe('a session that vanishes', () => {
  it('is unknown from then on, while its body stays open without another byte', async () => {
    const request = await play({ vanish: { afterBytes: 188_000 } });
    await request.body(188_000);
    const { length } = request.received;
    await poll('the session to be unknown', async () => (await statOf(control)).error !== null);
    expect(standIn.state()).toMatchObject({ sessions: [], readersOpenNow: 0 });
    const anew = await start(standIn, infohash);
    expect(anew.playback_session_id).not.toBe(control.playback_session_id);
    const again = await open(anew);
    await again.body(BURST_BYTES);
    expect(request.received).toHaveLength(length);
    request.close();
    again.close();
  });
});

describe('live position', () => {
  it('is the same on engines that are told when the broadcast began', async () => {
    const other = await startStandIn();
    // The monotonic clock, as another process would read it.
    const liveSinceMs = Number(process.hrtime.bigint()) / 1e6 - 60_000;
    const firstSequences: number[] = [];
    for (const engine of [standIn, other]) {
      engine.putContent(infohash, {
        kind: 'synthetic',
        bitsPerSecond: 8_000_000,
        burstBytes: BURST_BYTES,
        liveSinceMs,
      });
      const request = await open(await start(engine, infohash));
      firstSequences.push(stamps(await request.body(188_000))[0]!.sequence);
      request.close();
    }
    await other.close();
    // Some 5000 stamped packets a second: the second engine is asked a moment later.
    const [first, second] = firstSequences as [number, number];
    expect(first).toBeGreaterThan(57 * 4_000);
    expect(second).toBeGreaterThan(first);
    expect(second - first).toBeLessThan(5_000);
  });

  it('frozenLivepos stands still while bytes flow', async () => {
    const request = await play({ frozenLivepos: {} });
    await request.body(188);
    const last = async (): Promise<number> => {
      const { response } = await statOf(control);
      return Number((response!.livepos as { last: string }).last);
    };
    const frozen = await last();
    await poll('a second to pass', () => Date.now() / 1000 > frozen + 1.5);
    expect(await last()).toBe(frozen);
    expect(request.received.length).toBeGreaterThan(BURST_BYTES + 500_000);
    request.close();
  });
});

describe('the form of the body', () => {
  it('oddChunks starts inside a packet and loses nothing', async () => {
    const request = await play({ oddChunks: { sizes: [1, 187, 1316], offsetBytes: 100 } });
    const body = await request.body(BURST_BYTES);
    expect(body[88]).toBe(0x47);
    expect(problems(body.subarray(88))).toEqual({ sync: 0, counter: 0 });
    request.close();
  });

  it('chunked frames the body', async () => {
    const request = await play({ chunked: {}, eof: { afterBytes: 188_000 } });
    expect(await request.head()).toMatch(/Transfer-Encoding: chunked/);
    const body = await request.rest();
    expect(body.toString('latin1')).toMatch(/^[0-9a-f]+\r\nG/);
    expect(body.subarray(-5).toString()).toBe('0\r\n\r\n');
  });
});

describe('damage', () => {
  it('loseOneIn leaves packets out', async () => {
    const request = await play({ damage: { loseOneIn: 200 } });
    const body = await request.body(BURST_BYTES / 2);
    expect(problems(body).sync).toBe(0);
    expect(problems(body).counter).toBeGreaterThan(5);
    const sequences = stamps(body).map(({ sequence }) => sequence);
    expect(sequences.at(-1)! - sequences[0]!).toBeGreaterThan(sequences.length);
    request.close();
  });

  it('wrongCounterOneIn breaks counters only', async () => {
    const request = await play({ damage: { wrongCounterOneIn: 500 } });
    const body = await request.body(BURST_BYTES / 2);
    expect(problems(body)).toMatchObject({ sync: 0, counter: expect.any(Number) });
    expect(problems(body).counter).toBeGreaterThan(2);
    const sequences = stamps(body).map(({ sequence }) => sequence);
    expect(sequences.at(-1)! - sequences[0]!).toBe(sequences.length - 1);
    request.close();
  });

  it('pcrJumpSeconds moves the times from then on', async () => {
    const request = await play({});
    await request.body(BURST_BYTES);
    switchOn({ damage: { pcrJumpSeconds: 1000 } });
    const body = await request.body(BURST_BYTES * 2);
    const ticks = pcrs(body).map(time => time.ticks);
    const jumps = ticks.slice(1).filter((time, index) => ticksBetween(ticks[index]!, time) > 999 * 90_000);
    expect(jumps).toHaveLength(1);
    expect(problems(body)).toEqual({ sync: 0, counter: 0 });
    request.close();
  });

  it('pmtVersion changes the version of the PMT', async () => {
    const request = await play({ damage: { pmtVersion: 9 } });
    const body = await request.body(BURST_BYTES);
    const versions = offsets(body)
      .filter(at => pidOf(body, at) === PMT_PID)
      .map(at => (body[at + 10]! >> 1) & 0x1f);
    expect(new Set(versions)).toEqual(new Set([9]));
    request.close();
  });
});
