import { createHash } from 'node:crypto';

/**
 * Rendezvous hashing: every key gets the shard whose hash with it is highest. The same key always meets the same
 * shard, and changing the number of shards moves as few keys as possible.
 * @returns an index from 0 to `shards` - 1
 */
export function rendezvous(key: string, shards: number): number {
  let best = 0;
  let bestWeight = -1;
  for (let shard = 0; shard < shards; shard++) {
    const weight = createHash('sha1').update(`${shard}\0${key}`).digest().readUIntBE(0, 6);
    if (weight > bestWeight) {
      best = shard;
      bestWeight = weight;
    }
  }
  return best;
}
