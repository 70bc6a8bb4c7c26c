import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type Flushable,
  type FlushResult,
  FlushScheduler,
  PERIOD_PER_ROUND,
} from '../../../workers/shard/flush-scheduler.ts';

/** How long the scheduler lets writing go on in one turn of the event loop. */
const STRETCH_MS = 2;

let nowMs = 0;

/** Something whose flush takes a while on the fake clock. */
class Costly implements Flushable {
  readonly flushedAt: number[] = [];
  costMs: number;
  /** How often it says that there is more. */
  more: number;

  constructor(costMs = 0, more = 0) {
    this.costMs = costMs;
    this.more = more;
  }

  flush(): FlushResult {
    this.flushedAt.push(nowMs);
    nowMs += this.costMs;
    return this.more-- > 0 ? 'more' : 'done';
  }
}

/** Something with several readers, each of whom takes a while on the fake clock; it stops when time is up. */
class Crowd implements Flushable {
  readonly #readers: number;
  readonly #costMs: number;
  #left = 0;
  readonly flushedAt: number[] = [];
  /** How many readers had their turn in each call. */
  readonly served: number[] = [];
  /** How much time each call was given. */
  readonly givenMs: number[] = [];

  constructor(readers: number, costMs: number) {
    this.#readers = readers;
    this.#costMs = costMs;
  }

  flush(untilMs: number): FlushResult {
    this.flushedAt.push(nowMs);
    this.givenMs.push(untilMs - nowMs);
    if (this.#left === 0) this.#left = this.#readers;
    const before = this.#left;
    do {
      nowMs += this.#costMs;
      this.#left--;
    } while (this.#left > 0 && nowMs < untilMs);
    this.served.push(before - this.#left);
    return this.#left > 0 ? 'unfinished' : 'done';
  }
}

/** Moves the clock on; timers and immediates that are due run. */
function pass(ms: number): void {
  for (let i = 0; i < ms; i++) {
    nowMs++;
    jest.advanceTimersByTime(1);
  }
}

/** Ends this turn of the event loop. */
function endTurn(): void {
  jest.advanceTimersByTime(0);
}

/** Lets the next turn of the event loop run, in no time; needed where this turn's immediates asked for another. */
function nextTurn(): void {
  jest.advanceTimersByTime(1);
}

beforeEach(() => {
  nowMs = 1_000;
  jest.useFakeTimers();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

function scheduler(budgetMs: number): { flusher: FlushScheduler; rounds: number[] } {
  const rounds: number[] = [];
  return {
    flusher: new FlushScheduler(
      budgetMs,
      tookMs => rounds.push(tookMs),
      () => nowMs,
    ),
    rounds,
  };
}

describe('the flush scheduler', () => {
  it('sends in the same turn of the loop when it was idle, but not within the call', () => {
    const { flusher, rounds } = scheduler(30);
    const target = new Costly();
    flusher.markDirty(target);
    expect(target.flushedAt).toEqual([]);
    endTurn();
    expect(target.flushedAt).toEqual([1_000]);
    expect(rounds).toEqual([0]);
  });

  it('flushes a target once, however often it was marked, and all targets in one round', () => {
    const { flusher, rounds } = scheduler(30);
    const targets = [new Costly(), new Costly(), new Costly()];
    for (let i = 0; i < 5; i++) for (const target of targets) flusher.markDirty(target);
    endTurn();
    expect(targets.map(target => target.flushedAt.length)).toEqual([1, 1, 1]);
    expect(rounds).toHaveLength(1);
  });

  it('does nothing when nothing is dirty', () => {
    const { flusher, rounds } = scheduler(30);
    flusher.markDirty(new Costly());
    endTurn();
    pass(100);
    expect(rounds).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('begins the next round a multiple of what the last one took after that began', () => {
    const { flusher } = scheduler(1_000);
    const target = new Costly(7);
    flusher.markDirty(target);
    endTurn();
    flusher.markDirty(target);
    pass((PERIOD_PER_ROUND - 1) * 7 - 1);
    expect(target.flushedAt).toHaveLength(1);
    pass(1);
    expect(target.flushedAt).toEqual([1_000, 1_000 + PERIOD_PER_ROUND * 7]);
  });

  it('lets what comes before the next round gather', () => {
    const { flusher, rounds } = scheduler(1_000);
    const first = new Costly(10);
    const second = new Costly();
    flusher.markDirty(first);
    endTurn();
    first.costMs = 0;
    for (let waitedMs = 0; waitedMs < (PERIOD_PER_ROUND - 1) * 10 - 2; waitedMs += 2) {
      flusher.markDirty(first);
      flusher.markDirty(second);
      pass(2);
    }
    expect([first.flushedAt.length, second.flushedAt.length]).toEqual([1, 0]);
    pass(2);
    expect([first.flushedAt.length, second.flushedAt.length]).toEqual([2, 1]);
    expect(rounds).toHaveLength(2);
  });

  it('never lets more than its budget go by from the begin of one round to the next', () => {
    const { flusher } = scheduler(30);
    const target = new Costly(20);
    flusher.markDirty(target);
    endTurn();
    flusher.markDirty(target);
    pass(9);
    expect(target.flushedAt).toHaveLength(1);
    pass(1);
    expect(target.flushedAt).toEqual([1_000, 1_030]);
  });

  it('begins the next round in the next turn when the last one alone took longer than the budget', () => {
    const { flusher } = scheduler(30);
    const target = new Costly(500);
    flusher.markDirty(target);
    endTurn();
    flusher.markDirty(target);
    expect(target.flushedAt).toEqual([1_000]);
    endTurn();
    expect(target.flushedAt).toEqual([1_000, 1_500]);
  });

  it('sends everything at once with a budget of 0', () => {
    const { flusher } = scheduler(0);
    const target = new Costly(500);
    for (let i = 1; i <= 5; i++) {
      flusher.markDirty(target);
      endTurn();
      expect(target.flushedAt).toHaveLength(i);
    }
  });

  it('forgets the last round once its time is over', () => {
    const { flusher } = scheduler(1_000);
    const target = new Costly(10);
    flusher.markDirty(target);
    endTurn();
    pass(30);
    flusher.markDirty(target);
    endTurn();
    expect(target.flushedAt).toHaveLength(2);
  });

  it('comes back by itself to targets that have more', () => {
    const { flusher } = scheduler(1_000);
    const greedy = new Costly(2, 3);
    const content = new Costly(0);
    flusher.markDirty(greedy);
    flusher.markDirty(content);
    endTurn();
    expect(greedy.flushedAt).toHaveLength(1);
    pass(100);
    expect([greedy.flushedAt.length, content.flushedAt.length]).toEqual([4, 1]);
    expect(greedy.flushedAt[1]! - greedy.flushedAt[0]!).toBe(PERIOD_PER_ROUND * 2);
  });

  it('keeps what is marked during a round for the next one', () => {
    const { flusher } = scheduler(0);
    const later = new Costly();
    const marking: Flushable = {
      flush: () => {
        flusher.markDirty(later);
        return 'done';
      },
    };
    flusher.markDirty(marking);
    endTurn();
    expect(later.flushedAt).toHaveLength(0);
    pass(1);
    expect(later.flushedAt).toHaveLength(1);
  });

  it('keeps what is marked during a round until the time that the round itself brings about', () => {
    const { flusher } = scheduler(1_000);
    const flushedAt: number[] = [];
    const marking: Flushable = {
      flush: () => {
        flushedAt.push(nowMs);
        if (flushedAt.length === 1) flusher.markDirty(marking);
        nowMs += 10;
        return 'done';
      },
    };
    flusher.markDirty(marking);
    endTurn();
    pass((PERIOD_PER_ROUND - 1) * 10 - 1);
    expect(flushedAt).toEqual([1_000]);
    pass(1);
    expect(flushedAt).toEqual([1_000, 1_000 + PERIOD_PER_ROUND * 10]);
    pass(100);
    expect(flushedAt).toHaveLength(2);
  });

  it('tells what each round took', () => {
    const { flusher, rounds } = scheduler(0);
    for (const costMs of [7, 5]) {
      flusher.markDirty(new Costly(costMs));
      endTurn();
    }
    expect(rounds).toEqual([7, 5]);
  });
});

describe('a long round', () => {
  it('is cut into stretches, one in a turn of the event loop, until everybody had a turn', () => {
    const { flusher, rounds } = scheduler(1_000);
    const timers = jest.spyOn(globalThis, 'setTimeout');
    const crowd = new Crowd(5, 1);
    flusher.markDirty(crowd);
    endTurn();
    expect([crowd.served, rounds]).toEqual([[2], []]);
    nextTurn();
    expect([crowd.served, rounds]).toEqual([[2, 2], []]);
    nextTurn();
    expect([crowd.served, rounds]).toEqual([[2, 2, 1], [5]]);
    expect(timers).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gives each stretch its time from when it starts', () => {
    const { flusher } = scheduler(1_000);
    const crowd = new Crowd(6, 1);
    flusher.markDirty(crowd);
    endTurn();
    for (const elsewhereMs of [3, 11]) {
      nowMs += elsewhereMs;
      nextTurn();
    }
    expect(crowd.givenMs).toEqual([STRETCH_MS, STRETCH_MS, STRETCH_MS]);
    expect(crowd.flushedAt).toEqual([1_000, 1_005, 1_018]);
  });

  it('gives a target what is left of the stretch, and goes on with it before those behind it', () => {
    const { flusher, rounds } = scheduler(1_000);
    const before = new Costly(1);
    const crowd = new Crowd(3, 1);
    const behind = new Costly();
    for (const target of [before, crowd, behind]) flusher.markDirty(target);
    endTurn();
    expect([before.flushedAt, crowd.served, behind.flushedAt]).toEqual([[1_000], [1], []]);
    pass(10);
    expect(crowd.givenMs).toEqual([1, STRETCH_MS]);
    expect(crowd.served).toEqual([1, 2]);
    expect(before.flushedAt).toHaveLength(1);
    expect(behind.flushedAt).toHaveLength(1);
    expect(behind.flushedAt[0]).toBeGreaterThanOrEqual(crowd.flushedAt[1]! + 2);
    expect(rounds).toEqual([4]);
  });

  it('leaves out whoever is marked in its middle: the next round has them, all at its own time', () => {
    const { flusher, rounds } = scheduler(1_000);
    const first = new Costly();
    const crowd = new Crowd(4, 1);
    const late = new Costly();
    flusher.markDirty(first);
    flusher.markDirty(crowd);
    endTurn();
    for (const target of [late, first, crowd]) flusher.markDirty(target);
    nextTurn();
    expect(rounds).toEqual([4]);
    expect([first.flushedAt, crowd.served, late.flushedAt]).toEqual([[1_000], [2, 2], []]);
    const nextAt = 1_000 + PERIOD_PER_ROUND * 4;
    pass(nextAt - nowMs - 1);
    expect([first.flushedAt.length, crowd.served.length, late.flushedAt.length]).toEqual([1, 2, 0]);
    pass(1);
    expect([first.flushedAt, late.flushedAt, crowd.flushedAt[2]]).toEqual([[1_000, nextAt], [nextAt], nextAt]);
    pass(100);
    expect([first.flushedAt.length, crowd.served, late.flushedAt.length]).toEqual([2, [2, 2, 2, 2], 1]);
    expect(rounds).toEqual([4, 4]);
  });

  it('serves a target that has more once, though the round goes on', () => {
    const { flusher, rounds } = scheduler(1_000);
    const greedy = new Costly(0, 1);
    flusher.markDirty(greedy);
    flusher.markDirty(new Crowd(4, 1));
    endTurn();
    nextTurn();
    expect([greedy.flushedAt, rounds]).toEqual([[1_000], [4]]);
    const nextAt = 1_000 + PERIOD_PER_ROUND * 4;
    pass(nextAt - nowMs);
    expect([greedy.flushedAt, rounds]).toEqual([
      [1_000, nextAt],
      [4, 0],
    ]);
  });

  it.each([
    ['a multiple of the time of its stretches, what lies between them not counted', 1_000, PERIOD_PER_ROUND * 4],
    ['the budget where that is less', 10, 10],
  ])('is followed by the next after %s, from when it began', (_, budgetMs, periodMs) => {
    const { flusher, rounds } = scheduler(budgetMs);
    const crowd = new Crowd(4, 1);
    flusher.markDirty(crowd);
    endTurn();
    nowMs += 3; // Spent elsewhere.
    nextTurn();
    expect([nowMs, rounds]).toEqual([1_007, [4]]);
    flusher.markDirty(crowd);
    pass(periodMs - 7 - 1);
    expect(crowd.flushedAt).toEqual([1_000, 1_005]);
    pass(1);
    expect(crowd.flushedAt).toEqual([1_000, 1_005, 1_000 + periodMs]);
  });

  it('is followed by the next in the turn after it with a budget of 0', () => {
    const { flusher, rounds } = scheduler(0);
    const crowd = new Crowd(4, 1);
    const late = new Costly();
    flusher.markDirty(crowd);
    endTurn();
    flusher.markDirty(late);
    nextTurn();
    expect([rounds, late.flushedAt]).toEqual([[4], []]);
    nextTurn();
    expect([rounds, late.flushedAt]).toEqual([[4, 0], [1_004]]);
  });
});
