import { describe, expect, it } from '@jest/globals';
import { PACKET_BYTES, PAT_PID, pidOf, startsUnit } from '../../../src/shared/mpegts.ts';
import { PMT_PID, VIDEO_PID } from '../../../workers/demo/packets.ts';
import { MIN_BITS_PER_SECOND, syntheticSource } from '../../../workers/demo/synthetic.ts';
import { keyFrames, offsets, pcrs, problems, stamps, ticksBetween } from './transport-stream.ts';

function part(bitsPerSecond: number, position: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * PACKET_BYTES);
  syntheticSource(bitsPerSecond).fill(bytes, position, count, 0);
  return bytes;
}

describe.each([MIN_BITS_PER_SECOND, 799_000, 8_000_000, 40_000_000])(
  'the synthetic stream at %i bit/s',
  bitsPerSecond => {
    const { packetsPerSecond } = syntheticSource(bitsPerSecond);
    const threeSeconds = part(bitsPerSecond, 0, 3 * packetsPerSecond);

    it('has that rate to within a packet a second', () => {
      expect(Math.abs(packetsPerSecond - bitsPerSecond / 8 / PACKET_BYTES)).toBeLessThan(1);
    });

    it('has no fault in sync and counters', () => {
      expect(problems(threeSeconds)).toEqual({ sync: 0, counter: 0 });
    });

    it('has a flagged key frame each second, right behind PAT and PMT', () => {
      expect(keyFrames(threeSeconds)).toEqual([2, packetsPerSecond + 2, 2 * packetsPerSecond + 2]);
      for (const key of keyFrames(threeSeconds)) {
        expect(pidOf(threeSeconds, (key - 2) * PACKET_BYTES)).toBe(PAT_PID);
        expect(pidOf(threeSeconds, (key - 1) * PACKET_BYTES)).toBe(PMT_PID);
      }
    });

    it('repeats the tables at least each 100 ms', () => {
      const tables = offsets(threeSeconds)
        .filter(at => pidOf(threeSeconds, at) === PAT_PID)
        .map(at => at / PACKET_BYTES);
      for (const [index, packet] of tables.slice(1).entries())
        expect((packet - tables[index]!) / packetsPerSecond).toBeLessThanOrEqual(0.1);
    });

    it('has a PCR each frame that agrees with the rate', () => {
      const times = pcrs(threeSeconds);
      expect(times).toHaveLength(75);
      for (const { packet, ticks } of times)
        expect(Math.abs(ticks - (packet * 90_000) / packetsPerSecond)).toBeLessThan(1);
    });

    it('stamps every video packet that starts no picture, and no other, in sequence', () => {
      const video = offsets(threeSeconds).filter(
        at => pidOf(threeSeconds, at) === VIDEO_PID && !startsUnit(threeSeconds, at),
      );
      const found = stamps(threeSeconds);
      expect(found.map(({ sequence }) => sequence)).toEqual(video.map((_, index) => index));
    });
  },
);

describe('a stamp', () => {
  it('is the monotonic clock at the moment the packet is made', () => {
    const before = process.hrtime.bigint();
    const [stamp] = stamps(part(8_000_000, 1000, 10));
    expect(stamp!.nanoseconds).toBeGreaterThanOrEqual(before);
    expect(stamp!.nanoseconds).toBeLessThanOrEqual(process.hrtime.bigint());
  });

  it('has a sequence number that depends on the position alone', () => {
    const sequences = (bytes: Buffer) => stamps(bytes).map(({ sequence }) => sequence);
    const whole = sequences(part(8_000_000, 5000, 1000));
    expect(sequences(part(8_000_000, 5500, 500))).toEqual(whole.slice(-sequences(part(8_000_000, 5500, 500)).length));
  });

  it('goes on over the wrap of the times', () => {
    const second = Math.floor(2 ** 33 / 90_000) - 1;
    const bytes = part(8_000_000, second * 5319, 3 * 5319);
    expect(problems(bytes)).toEqual({ sync: 0, counter: 0 });
    const times = pcrs(bytes);
    expect(ticksBetween(times[0]!.ticks, times.at(-1)!.ticks)).toBeCloseTo((74 * 90_000) / 25, -3);
  });
});
