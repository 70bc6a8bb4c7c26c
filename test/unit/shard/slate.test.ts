import { describe, expect, it } from '@jest/globals';
import { pcrDifference, readPcr, TIMESTAMP_MODULO } from '../../../src/shared/timestamps.ts';
import { Seam } from '../../../workers/shard/seam.ts';
import { Slate, type SlateClock } from '../../../workers/shard/slate.ts';
import { strictFaults } from '../support/broadcast.ts';
import { AUDIO_PID, NULL_PID, offsetsOf, PACKET_BYTES, PMT_PID, pidAt, pidsOf, VIDEO_PID } from '../support/ts.ts';

const PACKETS_PER_SECOND = 125;
const ROUND_PACKETS = 16 * PACKETS_PER_SECOND;
const PCR_SECOND = 27_000_000;

/** A clock that only goes on by hand. */
class HandClock implements SlateClock {
  nowMs = 5_000;
  readonly #timers = new Set<{ ms: number; nextMs: number; callback: () => void }>();

  now(): number {
    return this.nowMs;
  }

  every(ms: number, callback: () => void): () => void {
    const timer = { ms, nextMs: this.nowMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass; timers go off when they are due. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.nextMs - b.nextMs)[0];
      if (next === undefined || next.nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, next.nextMs);
      next.nextMs += next.ms;
      next.callback();
    }
    this.nowMs = endMs;
  }

  /** Lets time pass without a timer going off until the end, as when the machine sleeps. */
  sleep(ms: number): void {
    this.nowMs += ms;
    for (const timer of this.#timers) {
      timer.nextMs = this.nowMs + timer.ms;
      timer.callback();
    }
  }
}

function playing(): { clock: HandClock; slate: Slate; take(): Buffer } {
  const clock = new HandClock();
  const parts: Buffer[] = [];
  const slate = new Slate(run => parts.push(Buffer.from(run)), clock);
  return { clock, slate, take: () => Buffer.concat(parts.splice(0)) };
}

const packetsIn = (bytes: Buffer): number => bytes.length / PACKET_BYTES;
const pcrsIn = (bytes: Buffer): { packet: number; pcr: number }[] =>
  offsetsOf(bytes)
    .filter(at => (bytes[at + 3]! & 0x20) !== 0 && bytes[at + 4]! >= 7 && (bytes[at + 5]! & 0x10) !== 0)
    .map(at => ({ packet: at / PACKET_BYTES, pcr: readPcr(bytes, at + 6) }));

/** What a clock shows at the first packet, told from the PCRs behind it. */
function firstClock(bytes: Buffer): number {
  const { packet, pcr } = pcrsIn(bytes)[0]!;
  return pcr - (packet / PACKETS_PER_SECOND) * PCR_SECOND;
}

describe('the slate', () => {
  it('begins with tables, a clock and a key frame', () => {
    const { slate, take } = playing();
    slate.start();
    const bytes = take();
    const shown = offsetsOf(bytes).filter(at => pidAt(bytes, at) !== NULL_PID);
    expect(shown.slice(0, 4).map(at => pidAt(bytes, at))).toEqual([0, PMT_PID, VIDEO_PID, VIDEO_PID]);
    expect(pcrsIn(bytes)[0]!.packet).toBe(shown[2]! / PACKET_BYTES);
    expect(bytes[shown[3]! + 5]! & 0x40).toBe(0x40);
  });

  it('gives a second at once, and then keeps its pace in steps of 100 ms', () => {
    const { clock, slate, take } = playing();
    slate.start();
    expect(packetsIn(take())).toBe(PACKETS_PER_SECOND);
    clock.pass(99);
    expect(packetsIn(take())).toBe(0);
    clock.pass(1);
    expect(packetsIn(take())).toBe(12);
    clock.pass(59_900);
    expect(packetsIn(take())).toBe(60 * PACKETS_PER_SECOND - 12);
  });

  it('goes on over its rounds: counters, clock, frames of sound', () => {
    const { clock, slate, take } = playing();
    slate.start();
    clock.pass(5 * 16_000);
    const bytes = take();
    expect(packetsIn(bytes)).toBeGreaterThan(5 * ROUND_PACKETS);
    expect(strictFaults(bytes)).toEqual([]);
    const clocks = pcrsIn(bytes);
    for (const [i, { packet, pcr }] of clocks.slice(1).entries()) {
      const before = clocks[i]!;
      const elapsed = pcrDifference(pcr, before.pcr) / PCR_SECOND;
      expect(elapsed).toBeCloseTo((packet - before.packet) / PACKETS_PER_SECOND, 6);
      expect(elapsed).toBeLessThan(0.1);
    }
    for (let round = 0; round < 5; round++) {
      const part = bytes.subarray(round * ROUND_PACKETS * PACKET_BYTES, (round + 1) * ROUND_PACKETS * PACKET_BYTES);
      expect(offsetsOf(part).filter(at => pidAt(part, at) === AUDIO_PID && (part[at + 1]! & 0x40) !== 0)).toHaveLength(
        125,
      );
    }
  });

  it('shows the clock that it is started with, also close to its wrap', () => {
    for (const pcr of [0, 12_345 * 300, 7 * 3600 * PCR_SECOND, TIMESTAMP_MODULO * 300 - PCR_SECOND]) {
      const { clock, slate, take } = playing();
      slate.start(pcr);
      clock.pass(20_000);
      const bytes = take();
      expect(Math.abs(pcrDifference(firstClock(bytes), pcr))).toBeLessThan(PCR_SECOND / 1_000);
      expect(strictFaults(bytes)).toEqual([]);
      slate.stop();
      slate.start(pcr + 1_000 * PCR_SECOND);
      expect(Math.abs(pcrDifference(firstClock(take()), pcr + 1_000 * PCR_SECOND))).toBeLessThan(PCR_SECOND / 1_000);
    }
  });

  it('stops for good, and begins at tables again when it is started once more', () => {
    const { clock, slate, take } = playing();
    slate.start();
    slate.start();
    expect([slate.playing, clock.timers]).toEqual([true, 1]);
    clock.pass(3_333);
    slate.stop();
    slate.stop();
    expect([slate.playing, clock.timers]).toEqual([false, 0]);
    take();
    clock.pass(10_000);
    expect(take()).toHaveLength(0);
    slate.start();
    const again = take();
    expect(packetsIn(again)).toBe(PACKETS_PER_SECOND);
    expect(
      pidsOf(again)
        .filter(pid => pid !== NULL_PID)
        .slice(0, 3),
    ).toEqual([0, PMT_PID, VIDEO_PID]);
  });

  it('catches up with late timers, but not with a night of sleep', () => {
    const { clock, slate, take } = playing();
    slate.start();
    take();
    clock.sleep(2_000);
    expect(packetsIn(take())).toBe(2 * PACKETS_PER_SECOND);
    clock.sleep(8 * 3_600_000);
    expect(packetsIn(take())).toBe(10 * PACKETS_PER_SECOND);
    clock.pass(1_000);
    expect(packetsIn(take())).toBe(PACKETS_PER_SECOND);
  });

  it('joins and leaves through a seam at its first key frame, without a jump of the clock where it was told that', () => {
    const clock = new HandClock();
    const parts: Buffer[] = [];
    const seam = new Seam(
      run => parts.push(Buffer.from(run)),
      () => clock.nowMs,
    );
    const first = new Slate(run => seam.push(run), clock);
    first.start(99 * PCR_SECOND);
    clock.pass(3_210);
    first.stop();
    const second = new Slate(run => seam.push(run), clock);
    seam.begin('other-content');
    second.start(seam.clock);
    clock.pass(20_000);
    expect(seam.lastSearch).toMatchObject({ outcome: 'jump', searchedPackets: 4, repeatedPackets: 0 });
    expect(Math.abs(seam.lastSearch!.clockJumpMs!)).toBeLessThan(50);
    expect(strictFaults(Buffer.concat(parts))).toEqual([]);
  });
});
