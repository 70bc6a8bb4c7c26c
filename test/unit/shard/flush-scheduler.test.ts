import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Flushable, FlushScheduler } from '../../../workers/shard/flush-scheduler.ts';

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

  flush(atMs: number): boolean {
    this.flushedAt.push(atMs);
    nowMs += this.costMs;
    return this.more-- > 0;
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

beforeEach(() => {
  nowMs = 1_000;
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function scheduler(budgetMs: number): { flusher: FlushScheduler; passes: number[] } {
  const passes: number[] = [];
  return {
    flusher: new FlushScheduler(
      budgetMs,
      tookMs => passes.push(tookMs),
      () => nowMs,
    ),
    passes,
  };
}

describe('the flush scheduler', () => {
  it('sends in the same turn of the loop when it was idle, but not within the call', () => {
    const { flusher, passes } = scheduler(30);
    const target = new Costly();
    flusher.markDirty(target);
    expect(target.flushedAt).toEqual([]);
    endTurn();
    expect(target.flushedAt).toEqual([1_000]);
    expect(passes).toEqual([0]);
  });

  it('flushes a target once, however often it was marked, and all targets in one pass', () => {
    const { flusher, passes } = scheduler(30);
    const targets = [new Costly(), new Costly(), new Costly()];
    for (let i = 0; i < 5; i++) for (const target of targets) flusher.markDirty(target);
    endTurn();
    expect(targets.map(target => target.flushedAt.length)).toEqual([1, 1, 1]);
    expect(passes).toHaveLength(1);
  });

  it('does nothing when nothing is dirty', () => {
    const { flusher, passes } = scheduler(30);
    flusher.markDirty(new Costly());
    endTurn();
    pass(100);
    expect(passes).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('pauses after a pass for three times what it took', () => {
    const { flusher } = scheduler(1_000);
    const target = new Costly(7);
    flusher.markDirty(target);
    endTurn();
    const endedMs = nowMs;
    flusher.markDirty(target);
    pass(20);
    expect(target.flushedAt).toHaveLength(1);
    pass(1);
    expect(target.flushedAt).toEqual([1_000, endedMs + 21]);
  });

  it('lets what comes during the pause gather', () => {
    const { flusher, passes } = scheduler(1_000);
    const first = new Costly(10);
    const second = new Costly();
    flusher.markDirty(first);
    endTurn();
    for (let i = 0; i < 10; i++) {
      flusher.markDirty(first);
      flusher.markDirty(second);
      pass(2);
    }
    expect([first.flushedAt.length, second.flushedAt.length]).toEqual([1, 0]);
    pass(10);
    expect([first.flushedAt.length, second.flushedAt.length]).toEqual([2, 1]);
    expect(passes).toHaveLength(2);
  });

  it('never pauses longer than its budget', () => {
    const { flusher } = scheduler(30);
    const target = new Costly(500);
    flusher.markDirty(target);
    endTurn();
    flusher.markDirty(target);
    pass(29);
    expect(target.flushedAt).toHaveLength(1);
    pass(1);
    expect(target.flushedAt).toHaveLength(2);
  });

  it('does not pause at all with a budget of 0', () => {
    const { flusher } = scheduler(0);
    const target = new Costly(500);
    for (let i = 1; i <= 5; i++) {
      flusher.markDirty(target);
      endTurn();
      expect(target.flushedAt).toHaveLength(i);
    }
  });

  it('forgets the pause once it is over', () => {
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
    expect(greedy.flushedAt[1]! - greedy.flushedAt[0]!).toBe(2 + 6);
  });

  it('keeps what is marked during a pass for the next one', () => {
    const { flusher } = scheduler(0);
    const later = new Costly();
    const marking: Flushable = {
      flush: () => {
        flusher.markDirty(later);
        return false;
      },
    };
    flusher.markDirty(marking);
    endTurn();
    expect(later.flushedAt).toHaveLength(0);
    pass(1);
    expect(later.flushedAt).toHaveLength(1);
  });

  it('keeps what is marked during a pass for after the pause that the pass itself brings about', () => {
    const { flusher } = scheduler(1_000);
    const flushedAt: number[] = [];
    const marking: Flushable = {
      flush: atMs => {
        flushedAt.push(atMs);
        if (flushedAt.length === 1) flusher.markDirty(marking);
        nowMs += 10;
        return false;
      },
    };
    flusher.markDirty(marking);
    endTurn();
    pass(29);
    expect(flushedAt).toEqual([1_000]);
    pass(1);
    expect(flushedAt).toEqual([1_000, 1_010 + 30]);
    pass(100);
    expect(flushedAt).toHaveLength(2);
  });

  it('tells what each pass took', () => {
    const { flusher, passes } = scheduler(0);
    flusher.markDirty(new Costly(3));
    flusher.markDirty(new Costly(4));
    endTurn();
    flusher.markDirty(new Costly(5));
    endTurn();
    expect(passes).toEqual([7, 5]);
  });
});
