import { describe, expect, it } from '@jest/globals';
import { Backoff } from '../../../src/shared/backoff.ts';

const MIDDLE = (): number => 0.5;

describe('a backoff', () => {
  it('doubles from the first delay up to the longest', () => {
    const backoff = new Backoff(50, 1000, MIDDLE);
    expect(Array.from({ length: 7 }, () => backoff.nextMs())).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
  });

  it('spreads each delay by a quarter both ways', () => {
    expect(new Backoff(100, 1000, () => 0).nextMs()).toBe(75);
    expect(new Backoff(100, 1000, () => 1 - Number.EPSILON).nextMs()).toBeCloseTo(125, 6);
  });

  it('spreads by itself when nobody says how', () => {
    const delays = Array.from({ length: 50 }, () => new Backoff(100, 1000).nextMs());
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...delays)).toBeLessThan(125);
    expect(new Set(delays).size).toBeGreaterThan(1);
  });

  it('counts attempts and begins anew after a reset', () => {
    const backoff = new Backoff(50, 1000, MIDDLE);
    expect(backoff.attempts).toBe(0);
    backoff.nextMs();
    backoff.nextMs();
    expect(backoff.attempts).toBe(2);
    backoff.reset();
    expect(backoff.attempts).toBe(0);
    expect(backoff.nextMs()).toBe(50);
  });

  it('stays at the longest delay however often it is asked', () => {
    const backoff = new Backoff(50, 1000, MIDDLE);
    for (let i = 0; i < 5000; i++) backoff.nextMs();
    expect(backoff.nextMs()).toBe(1000);
  });
});
