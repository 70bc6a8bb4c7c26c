import { describe, expect, it } from '@jest/globals';
import { PACKET_BYTES, PAT_PID, pidOf, startsUnit } from '../../../src/shared/mpegts.ts';
import { TIMESTAMP_MODULO } from '../../../src/shared/timestamps.ts';
import { clipSource } from '../../../workers/demo/clip.ts';
import { AUDIO_PID, PMT_PID } from '../../../workers/demo/packets.ts';
import { keyFrames, offsets, pcrs, problems, ticksBetween } from './transport-stream.ts';

const ROUND_PACKETS = 12_750;
const clip = clipSource();

function part(position: number, count: number, shiftTicks = 0): Buffer {
  const bytes = Buffer.alloc(count * PACKET_BYTES);
  clip.fill(bytes, position, count, shiftTicks);
  return bytes;
}

/** The round in which the clip's times pass 2^33. */
const WRAP_ROUND = Math.floor(TIMESTAMP_MODULO / (24 * 90_000)) - 1;

describe('the clip as an endless stream', () => {
  it('plays 12 750 packets in 24 seconds and begins with tables and a key frame', () => {
    expect(clip.loopPackets).toBe(ROUND_PACKETS);
    expect(clip.packetsPerSecond).toBe(531.25);
    const begin = part(0, 10);
    const pids = offsets(begin)
      .map(at => pidOf(begin, at))
      .filter(pid => pid !== 0x1fff);
    expect(pids.slice(0, 2)).toEqual([PAT_PID, PMT_PID]);
    expect(keyFrames(begin)).toHaveLength(1);
  });

  it('has a key frame each second, with PAT and PMT right in front of it', () => {
    const bytes = part(0, ROUND_PACKETS);
    const keys = keyFrames(bytes);
    expect(keys).toHaveLength(24);
    for (const key of keys) {
      let before = key - 1;
      while (pidOf(bytes, before * PACKET_BYTES) === 0x1fff) before--;
      expect([pidOf(bytes, (before - 1) * PACKET_BYTES), pidOf(bytes, before * PACKET_BYTES)]).toEqual([
        PAT_PID,
        PMT_PID,
      ]);
    }
  });

  it.each([
    ['first seams', 0],
    ['wrap of the 33-bit times', WRAP_ROUND],
    ['seams after a thousand hours', 150_000],
  ])('goes on without a fault over the %s', (_, round) => {
    const bytes = part(round * ROUND_PACKETS, 4 * ROUND_PACKETS);
    expect(problems(bytes)).toEqual({ sync: 0, counter: 0 });
    const times = pcrs(bytes);
    const last = times.at(-1)!;
    const elapsed = ticksBetween(times[0]!.ticks, last.ticks);
    expect(elapsed / 90_000).toBeCloseTo((last.packet - times[0]!.packet) / clip.packetsPerSecond, 4);
    for (const [index, time] of times.slice(1).entries())
      expect(ticksBetween(times[index]!.ticks, time.ticks)).toBeLessThan(9000);
  });

  it('passes the wrap inside those rounds', () => {
    const times = pcrs(part(WRAP_ROUND * ROUND_PACKETS, 4 * ROUND_PACKETS)).map(({ ticks }) => ticks);
    expect(times.some((ticks, index) => ticks < (times[index - 1] ?? 0))).toBe(true);
  });

  it('has the same frames of sound in every round', () => {
    const bytes = part(5 * ROUND_PACKETS, ROUND_PACKETS);
    const frames = offsets(bytes).filter(at => pidOf(bytes, at) === AUDIO_PID && startsUnit(bytes, at));
    expect(frames).toHaveLength(1125);
  });

  it('is the same wherever and in whatever pieces it is read', () => {
    const whole = part(3 * ROUND_PACKETS - 50, 100);
    expect(Buffer.concat([part(3 * ROUND_PACKETS - 50, 30), part(3 * ROUND_PACKETS - 20, 70)])).toEqual(whole);
  });

  it('adds a shift to every time', () => {
    const [plain, shifted] = [pcrs(part(0, 500)), pcrs(part(0, 500, 90_000))];
    expect(shifted.map(({ ticks }) => ticks)).toEqual(plain.map(({ ticks }) => ticks + 90_000));
  });
});
