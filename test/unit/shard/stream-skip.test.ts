import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { groups, StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, offsetsOf, PACKET_BYTES, PMT_PID, pidsOf, VIDEO_PID } from '../support/ts.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a slow reader', () => {
  it('is moved ahead when its place is gone, onto the grid, with every jump announced; the others notice nothing', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex, { logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(50_000);
    let sent = Buffer.alloc(0);
    for (let i = 0; i < 12; i++) {
      const bytes = groups(multiplex, SEGMENT_BYTES / 2);
      sent = Buffer.concat([sent, bytes]);
      rig.data(bytes);
    }
    expect(slow.reader.blocked).toBe(true);
    expect(rig.table.lagBytes(1)).toBeGreaterThan(0);
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.data(multiplex.group(3).take());
    expect(rig.skipped).toEqual([{ id: 1, bytes: expect.any(Number) }]);
    const [skip] = rig.skipped;
    expect([rig.counters.get('skips'), rig.counters.get('skippedBytes'), rig.table.skips(1)]).toEqual([
      1,
      skip!.bytes,
      1,
    ]);
    expect(skip!.bytes % PACKET_BYTES).toBe(0);
    expect(skip!.bytes).toBeGreaterThan(2 * SEGMENT_BYTES);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(slow.outlet.ended).toBe(0);
    expect(rig.table.lagBytes(1)).toBe(0);
    // What follows the gap begins with the tables and a random-access packet.
    const { body } = slow.outlet;
    const flagged = offsetsOf(body).find(
      at => (body[at + 3]! & 0x20) !== 0 && body[at + 4]! > 0 && (body[at + 5]! & 0x80) !== 0,
    )!;
    expect(pidsOf(body.subarray(flagged)).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(body[flagged + 2 * PACKET_BYTES + 5]! & 0x40).toBe(0x40);
    // The other one got everything.
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
    expect(rig.first.outlet.body.includes(sent.subarray(-100 * PACKET_BYTES))).toBe(true);
    expect(rig.table.skips(0)).toBe(0);
  });

  it('may be moved ahead again and again', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex, { logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(10_000);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 6; i++) rig.data(groups(multiplex, SEGMENT_BYTES / 2));
      slow.outlet.room = 30_001 + round * 777;
      rig.stream.resume(slow.reader);
    }
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.data(multiplex.group(2).take());
    expect(rig.skipped.length).toBeGreaterThanOrEqual(4);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(rig.detached).toEqual([]);
  });

  it('that takes nothing for the timeout is detached by the sweep; one that takes a byte now and then is not', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const rig = new StreamRig({ staleClientTimeoutMs: 30_000 });
    const dead = rig.viewer(5_000);
    const slow = rig.viewer(5_000);
    const idle = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    rig.data(multiplex.group(30).take());
    expect([dead.reader.blocked, slow.reader.blocked, idle.reader.blocked]).toEqual([true, true, false]);
    for (let now = 11_000; now < 31_000; now += 1_000) {
      clock.mockReturnValue(now);
      slow.outlet.room = 1;
      rig.stream.sweep(now);
    }
    expect(rig.detached).toEqual([]);
    clock.mockReturnValue(31_000);
    rig.stream.sweep(31_000);
    expect(rig.detached).toEqual([{ id: 0, reason: 'stale', code: undefined, left: 2 }]);
    expect(dead.outlet.ended).toBe(1);
    // The one that has all there is was never in question, however long nothing came.
    clock.mockReturnValue(1e7);
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.stream.sweep(1e7);
    expect(rig.detached).toHaveLength(1);
  });

  it('is patiently waited for from when it got stuck, not from its last byte', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const rig = new StreamRig({ staleClientTimeoutMs: 30_000 });
    const { outlet } = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    rig.data(multiplex.group(3).take());
    // The upstream is silent for longer than a viewer may be; then the viewer's socket is full for the first time.
    clock.mockReturnValue(41_000);
    outlet.room = 0;
    rig.data(multiplex.group(3).take());
    for (const now of [41_100, 70_999]) {
      clock.mockReturnValue(now);
      rig.stream.sweep(now);
      expect(rig.detached).toEqual([]);
    }
    clock.mockReturnValue(71_000);
    rig.stream.sweep(71_000);
    expect(rig.detached).toEqual([{ id: 0, reason: 'stale', code: undefined, left: 0 }]);
  });

  it('that takes bytes again goes on where it was, without a skip, while the log holds its place', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const slow = rig.viewer(1_000);
    for (let i = 0; i < 10; i++) rig.data(multiplex.group(10).take());
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    expect(rig.skipped).toEqual([]);
    expect(slow.outlet.body.equals(rig.first.outlet.body)).toBe(true);
  });

  it('is not offered a byte before somebody says that it takes some', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const slow = rig.viewer(1_000);
    const offers = slow.outlet.offers.length;
    for (let i = 0; i < 5; i++) rig.data(multiplex.group(2).take());
    expect(slow.outlet.offers).toHaveLength(offers);
  });
});
