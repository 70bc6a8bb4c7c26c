import { describe, expect, it } from '@jest/globals';
import { Histogram } from '../../../benchmarks/lib/histogram.ts';
import { max, mean, median, percentile } from '../../../benchmarks/lib/statistics.ts';

describe('statistics', () => {
  it('takes the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 100])).toBe(7);
  });

  it('leaves out what could not be measured', () => {
    expect(median([null, 3, null])).toBe(3);
    expect(median([null])).toBeNull();
  });

  it('takes percentiles by rank without reordering its input', () => {
    const values = [50, 10, 40, 20, 30];
    expect([percentile(values, 0), percentile(values, 0.5), percentile(values, 1)]).toEqual([10, 30, 50]);
    expect(values[0]).toBe(50);
    expect(percentile([], 0.5)).toBeNull();
  });

  it('has no mean and no maximum of nothing', () => {
    expect([mean([]), max([])]).toEqual([null, null]);
    expect([mean([1, 3]), max([1, 3])]).toEqual([2, 3]);
  });
});

describe('Histogram', () => {
  it('knows percentiles to within a step, and the exact maximum', () => {
    const histogram = new Histogram();
    for (let i = 1; i <= 1000; i++) histogram.add(i / 10);
    const { p50, p90, p99, max: greatest } = histogram.summary();
    expect(Math.abs(p50! - 50)).toBeLessThan(0.11);
    expect(Math.abs(p90! - 90)).toBeLessThan(0.11);
    expect(Math.abs(p99! - 99)).toBeLessThan(0.11);
    expect(greatest).toBe(100);
  });

  it('sums up what several threads measured', () => {
    const [one, other] = [new Histogram(), new Histogram()];
    one.add(1);
    other.add(3);
    other.add(5);
    one.merge(other);
    expect([one.count, one.maxMs]).toEqual([3, 5]);
    expect(one.percentile(0.5)).toBeCloseTo(3, 1);
  });

  it('keeps what lies beyond its last step', () => {
    const histogram = new Histogram();
    histogram.add(60_000);
    expect(histogram.summary()).toMatchObject({ max: 60_000 });
  });

  it('has no percentiles while it is empty', () => {
    expect(new Histogram().summary()).toEqual({ p50: null, p90: null, p99: null, max: null });
  });
});
