import { describe, expect, it } from '@jest/globals';
import { Histogram } from '../../../benchmarks/lib/histogram.ts';
import { GridChecker, PacketChecker } from '../../../benchmarks/lib/packet-checker.ts';
import { flawlessStream, packet } from './stamped-packets.ts';

function checked(packets: Buffer[], pieceBytes = Number.POSITIVE_INFINITY): PacketChecker {
  const checker = new PacketChecker();
  const bytes = Buffer.concat(packets);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    checker.push(bytes, at, Math.min(bytes.length, at + pieceBytes), 2);
  }
  return checker;
}

function errors({ syncErrors, continuityErrors, lostPackets, repeatedPackets, gaps }: PacketChecker) {
  return { syncErrors, continuityErrors, lostPackets, repeatedPackets, gaps };
}

const none = { syncErrors: 0, continuityErrors: 0, lostPackets: 0, repeatedPackets: 0, gaps: 0 };

describe('PacketChecker', () => {
  it.each([1, 7, 188, 189, 1000, 100_000])(
    'finds no fault in a flawless stream that comes in pieces of %i bytes',
    size => {
      const checker = checked(flawlessStream(40), size);
      expect(errors(checker)).toEqual(none);
      expect(checker.joinedOnTables).toBe(true);
      expect(checker.joinedOnRandomAccess).toBe(true);
      expect(checker.firstRandomAccessAtMs).toBe(2);
    },
  );

  it('counts lost packets, the gap and the continuity error they leave', () => {
    const packets = flawlessStream(40);
    packets.splice(10, 3);
    expect(errors(checked(packets))).toEqual({ ...none, lostPackets: 3, gaps: 1, continuityErrors: 1 });
  });

  it('sees losses that the continuity counter cannot show: sixteen packets at once', () => {
    const packets = flawlessStream(40);
    packets.splice(10, 16);
    expect(errors(checked(packets))).toEqual({ ...none, lostPackets: 16, gaps: 1 });
  });

  it('counts a repeated packet', () => {
    const packets = flawlessStream(40);
    packets.splice(10, 0, packets[9]!);
    expect(errors(checked(packets))).toEqual({ ...none, repeatedPackets: 1, continuityErrors: 1 });
  });

  it('counts a continuity error, unless a discontinuity is flagged', () => {
    const wrong = [packet({ pid: 0x101, counter: 0 }), packet({ pid: 0x101, counter: 5 })];
    expect(checked(wrong).continuityErrors).toBe(1);
    const flagged = checked([wrong[0]!, packet({ pid: 0x101, counter: 5, discontinuity: true })]);
    expect([flagged.continuityErrors, flagged.discontinuityFlags]).toEqual([0, 1]);
  });

  it('counts every packet off the grid once sync is lost', () => {
    const bytes = Buffer.concat(flawlessStream(40));
    expect(checked([bytes.subarray(0, 188 * 10), bytes.subarray(188 * 10 + 1)]).syncErrors).toBe(32);
  });

  it('tells a join on tables from one in the middle', () => {
    const middle = checked(flawlessStream(40).slice(1));
    expect([middle.joinedOnTables, middle.joinedOnRandomAccess]).toEqual([false, true]);
  });

  it('tells a join on a random-access point from one before it', () => {
    const [pat, pmt, key, first, ...rest] = flawlessStream(40);
    const late = checked([pat!, pmt!, first!, key!, ...rest]);
    expect([late.joinedOnTables, late.joinedOnRandomAccess]).toEqual([true, false]);
  });

  it('does not take null packets for anything but null packets', () => {
    const [first, ...rest] = flawlessStream(4);
    const checker = checked([
      first!,
      packet({ pid: 0x1fff, counter: 3 }),
      packet({ pid: 0x1fff, counter: 9 }),
      ...rest,
    ]);
    expect(errors(checker)).toEqual(none);
    expect(checker.nullPackets).toBe(2);
  });

  it('measures latency from the stamps, in the measuring window only', () => {
    const checker = new PacketChecker();
    const bytes = Buffer.concat(flawlessStream(4));
    checker.push(bytes, 0, 188 * 4, 2);
    checker.latency = new Histogram();
    checker.push(bytes, 188 * 4, bytes.length, 4.51);
    expect(checker.latency.count).toBe(3);
    expect(checker.latency.summary().p50).toBeCloseTo(3.51);
  });

  it('reads stamps of a machine that has been up for months', () => {
    const checker = new PacketChecker();
    checker.latency = new Histogram();
    const upMs = 200 * 24 * 3600 * 1000;
    const bytes = packet({ pid: 0x100, counter: 0, stamp: { ns: BigInt(upMs) * 1_000_000n, sequence: 0 } });
    checker.push(bytes, 0, bytes.length, upMs + 8);
    expect(checker.latency.summary().max).toBeCloseTo(8, 2);
  });
});

describe('GridChecker', () => {
  it.each([1, 100, 188, 500])('finds the sync bytes in pieces of %i bytes', size => {
    const grid = new GridChecker();
    const bytes = Buffer.concat(flawlessStream(20));
    for (let at = 0; at < bytes.length; at += size) grid.push(bytes, at, Math.min(bytes.length, at + size));
    expect(grid.syncErrors).toBe(0);
  });

  it('sees that the grid was left', () => {
    const grid = new GridChecker();
    const bytes = Buffer.concat(flawlessStream(20));
    grid.push(bytes, 0, 188 * 5);
    grid.push(bytes, 188 * 5 + 2, bytes.length);
    expect(grid.syncErrors).toBeGreaterThan(10);
  });
});
