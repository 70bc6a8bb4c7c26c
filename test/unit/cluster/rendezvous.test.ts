import { describe, expect, it } from '@jest/globals';
import { rendezvous } from '../../../src/cluster/rendezvous.ts';

const KEYS = Array.from({ length: 2000 }, (_, i) => `${i.toString(16).padStart(40, '0')}?quality=${i % 3}`);

describe('rendezvous hashing', () => {
  it('gives a key the same shard each time', () => {
    for (const key of KEYS.slice(0, 100)) expect(rendezvous(key, 7)).toBe(rendezvous(key, 7));
    // Known answers: a change of the hash would move every stream of a running fleet.
    expect(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(key => rendezvous(key, 5))).toEqual([4, 0, 0, 4, 4, 4, 3, 0]);
  });

  it('knows no other shard than those there are', () => {
    for (const shards of [1, 2, 3, 16]) {
      const used = new Set(KEYS.map(key => rendezvous(key, shards)));
      expect([...used].sort((a, b) => a - b)).toEqual(Array.from({ length: shards }, (_, i) => i));
    }
  });

  it('spreads keys evenly', () => {
    for (const shards of [2, 4, 8]) {
      const counts = new Array<number>(shards).fill(0);
      for (const key of KEYS) counts[rendezvous(key, shards)]!++;
      const fair = KEYS.length / shards;
      expect(Math.min(...counts)).toBeGreaterThan(fair * 0.75);
      expect(Math.max(...counts)).toBeLessThan(fair * 1.25);
    }
  });

  it('moves keys only to the shard that is added, and no more of them than it needs', () => {
    for (const shards of [1, 2, 3, 7]) {
      const moved = KEYS.filter(key => rendezvous(key, shards) !== rendezvous(key, shards + 1));
      expect(moved.filter(key => rendezvous(key, shards + 1) !== shards)).toEqual([]);
      expect(moved.length).toBeLessThan((KEYS.length / (shards + 1)) * 1.3);
      expect(moved.length).toBeGreaterThan((KEYS.length / (shards + 1)) * 0.7);
    }
  });
});
