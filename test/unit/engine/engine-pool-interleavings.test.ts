import { afterEach, describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../../../src/shared/errors.ts';
import { content, PoolRig } from '../support/pool-rig.ts';
import { seededRandom } from '../support/random.ts';
import { within } from '../support/waiting.ts';

const ENGINES = 3;
const SHARDS = 3;
const CONTENTS = 24;
const STEPS = 400;
const LIMITS = { maxStreams: 3, maxStarts: 2 };
const FAILURES: (ErrorCode | undefined)[] = [
  undefined,
  'no_peers',
  'content_not_found',
  'session_lost',
  'engine_silent',
  'engine_unavailable',
];

interface Wish {
  shard: number;
  leaseId: number;
  name: string;
  state: 'waiting' | 'granted' | 'over';
  /** What the promise did; a dead shard never sees it. */
  settled: boolean;
}

let rig: PoolRig;
afterEach(() => rig.close());

/** Shards that do anything in any order, as seen from the pool. */
class Chaos {
  readonly wishes: Wish[] = [];
  readonly #random: () => number;
  #lastId = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }

  #ask(): void {
    const shard = Math.floor(this.#random() * SHARDS);
    const name = content(Math.floor(this.#random() * CONTENTS));
    const wish: Wish = { shard, leaseId: ++this.#lastId, name, state: 'waiting', settled: false };
    const avoid = this.#random() < 0.3 ? [Math.floor(this.#random() * ENGINES)] : [];
    const waitMs = this.#random() < 0.3 ? 0 : this.#random() * 10_000;
    this.wishes.push(wish);
    rig.ask(name, { shard, leaseId: wish.leaseId, avoid, waitMs }).then(
      () => {
        wish.settled = true;
        if (wish.state === 'waiting') wish.state = 'granted';
      },
      () => {
        wish.settled = true;
        wish.state = 'over';
      },
    );
  }

  #endOne(states: readonly Wish['state'][], failure: ErrorCode | undefined): void {
    const wish = this.#pick(this.wishes.filter(({ state }) => states.includes(state)));
    if (wish === undefined) return;
    wish.state = 'over';
    rig.pool.leases.returned(wish.shard, wish.leaseId, failure);
  }

  async step(): Promise<void> {
    const roll = this.#random();
    const granted = (): Wish | undefined => this.#pick(this.wishes.filter(({ state }) => state === 'granted'));
    if (roll < 0.4) this.#ask();
    else if (roll < 0.55) {
      const wish = granted();
      if (wish !== undefined) rig.pool.leases.flowing(wish.shard, wish.leaseId);
    } else if (roll < 0.6) {
      const wish = granted();
      if (wish !== undefined) rig.pool.leases.sessionOpened(wish.shard, wish.leaseId, wish.name, '/ace/cmd/1');
    } else if (roll < 0.75) this.#endOne(['granted'], this.#pick(FAILURES));
    else if (roll < 0.8) this.#endOne(['waiting', 'granted'], undefined);
    else if (roll < 0.93) rig.clock.advance(this.#random() * 3_000);
    else if (roll < 0.95) await this.#kill(Math.floor(this.#random() * SHARDS));
    else {
      const { id } = this.#pick(rig.pool.status())!;
      rig.pool[this.#random() < 0.4 ? 'drain' : 'enable'](id);
    }
    // Sometimes answers are on their way while the next thing happens.
    if (this.#random() < 0.7) await Promise.resolve();
  }

  async #kill(shard: number): Promise<void> {
    for (const wish of this.wishes) if (wish.shard === shard) wish.state = 'over';
    await rig.pool.leases.reclaim(shard);
  }

  endEverything(): void {
    while (this.wishes.some(({ state }) => state !== 'over')) this.#endOne(['waiting', 'granted'], undefined);
  }
}

describe('the engine pool, whatever shards do in whichever order', () => {
  it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    'never exceeds a limit, and settles every request (seed %i)',
    async seed => {
      rig = await PoolRig.start(ENGINES, { limits: LIMITS, random: seededRandom(seed + 1_000) });
      const chaos = new Chaos(seed);
      for (let i = 0; i < STEPS; i++) {
        await chaos.step();
        for (const { sessions, starts } of rig.pool.status()) {
          expect(starts).toBeLessThanOrEqual(Math.min(sessions, LIMITS.maxStarts));
          expect(sessions).toBeLessThanOrEqual(LIMITS.maxStreams);
        }
        const names = chaos.wishes.filter(({ state }) => state === 'granted').map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }
      expect(rig.told.filter(told => told.endsWith('granted')).length).toBeGreaterThan(STEPS / 10);
      chaos.endEverything();
      await within('everything to settle', new Promise(resolve => setImmediate(resolve)));
      expect(chaos.wishes.filter(({ settled }) => !settled)).toEqual([]);
      expect([rig.each('sessions'), rig.each('starts'), rig.pool.waiting]).toEqual([[0, 0, 0], [0, 0, 0], 0]);
      // Nobody who was drained, tripped or waited for is left out for ever.
      for (const { id } of rig.pool.status()) rig.pool.enable(id);
      rig.clock.advance(75_001);
      for (let n = 0; n < ENGINES; n++) await rig.ask(content(0x100 + n));
      expect(rig.each('sessions')).toEqual([1, 1, 1]);
    },
  );
});
