import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { type FeedSink, RUNGS, type Rung } from '../../../workers/shard/source/source.ts';
import { Supervisor } from '../../../workers/shard/source/supervisor.ts';
import { OPENED, ScriptedSource } from '../support/scripted-source.ts';

const LIMITS = { startTimeoutMs: 60_000, recoveryTimeoutMs: 60_000 };
const SLACK_MS = 1_500;
const HTTP: readonly Rung[] = ['reopen'];

beforeEach(() => {
  jest.useFakeTimers();
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** A supervisor over scripted sources, and what it told. */
class Rig {
  readonly sources: ScriptedSource[];
  readonly told: string[] = [];
  readonly events: [string, object][] = [];
  readonly abort = new AbortController();
  outcome: 'ended' | SluiceError | undefined;
  readonly #supervisor: Supervisor;

  constructor(...rungs: readonly (readonly Rung[])[]) {
    this.sources = (rungs.length > 0 ? rungs : [RUNGS]).map(each => new ScriptedSource(each));
    this.#supervisor = new Supervisor(this.sources, LIMITS);
  }

  get first(): ScriptedSource {
    return this.sources[0]!;
  }

  async start(resumes = false): Promise<this> {
    const sink: FeedSink = {
      opened: ({ relation, rank }) => this.told.push(`opened ${relation} ${rank}`),
      data: chunk => this.told.push(`data ${chunk}`),
      event: (name, details) => this.events.push([name, details]),
      interrupted: ({ code }) => this.told.push(`interrupted ${code}`),
      recovered: how => this.told.push(`recovered ${how}`),
    };
    this.#supervisor.run(this.abort.signal, sink, resumes).then(
      () => {
        this.outcome = 'ended';
      },
      (error: unknown) => {
        this.outcome = SluiceError.from(error);
      },
    );
    return this.pass(0);
  }

  async pass(ms: number): Promise<this> {
    await jest.advanceTimersByTimeAsync(ms);
    return this;
  }

  /** What was told since the last call. */
  take(): string[] {
    return this.told.splice(0);
  }

  /** How often each source was run, and in which ways. */
  get runs(): string[][] {
    return this.sources.map(({ runs }) => runs.map(({ how }) => how));
  }

  /** The outcome, when nothing is left of it: no source open, no timer, no listener. */
  async over(): Promise<'ended' | SluiceError> {
    await this.pass(0);
    expect(this.sources.map(({ open }) => open)).toEqual(this.sources.map(() => false));
    expect([jest.getTimerCount(), getEventListeners(this.abort.signal, 'abort').length]).toEqual([0, 0]);
    expect(this.outcome).toBeDefined();
    return this.outcome!;
  }
}

/** A feed whose first source has brought bytes, and failed. */
async function broken(...rungs: readonly (readonly Rung[])[]): Promise<Rig> {
  const rig = await new Rig(...rungs).start();
  rig.first.flow();
  rig.first.fail('source_ended');
  await rig.pass(200);
  expect(rig.take()).toEqual(['opened first 0', 'data bytes', 'interrupted source_ended']);
  return rig;
}

describe('a feed', () => {
  it('is over when its content is, with everything closed', async () => {
    const rig = await new Rig().start();
    rig.first.flow();
    rig.first.last.end();
    expect(await rig.over()).toBe('ended');
    expect([rig.runs, rig.first.closes]).toEqual([[['start']], 1]);
  });

  it('opens nothing when it was told to end before', async () => {
    const rig = new Rig();
    rig.abort.abort();
    await rig.start();
    expect([await rig.over(), rig.runs]).toEqual(['ended', [[]]]);
  });

  it('goes on by the ladder, and says what it does and what helped', async () => {
    const rig = await broken();
    expect(rig.runs).toEqual([['start', 'reopen']]);
    rig.first.fail('source_unavailable');
    await rig.pass(400);
    rig.first.flow('more');
    expect(rig.take()).toEqual([
      'interrupted source_unavailable',
      'opened same-content 0',
      'recovered new-session',
      'data more',
    ]);
    expect(rig.events.at(-1)).toEqual([
      'trying again',
      {
        reason: 'source_unavailable',
        problem: 'It failed with source_unavailable.',
        how: 'new-session',
        source: 0,
        waitMs: 400,
      },
    ]);
    expect(rig.first.closes).toBe(0);
    rig.abort.abort();
    expect(await rig.over()).toBe('ended');
  });

  it('closes a source before it goes on with the next, whose content is another', async () => {
    const rig = await broken(HTTP, HTTP);
    let closed: () => void = () => {};
    rig.first.closing = new Promise(resolve => {
      closed = resolve;
    });
    rig.first.fail('source_not_found');
    await rig.pass(5_000);
    expect(rig.runs).toEqual([['start', 'reopen'], []]);
    closed();
    await rig.pass(400);
    rig.sources[1]!.flow('other');
    expect(rig.take()).toEqual([
      'interrupted source_not_found',
      'opened other-content 1',
      'recovered next-source',
      'data other',
    ]);
    // And back, when that one fails as well.
    rig.sources[1]!.fail('source_not_found');
    await rig.pass(800);
    rig.first.flow('again');
    expect(rig.take().slice(1)).toEqual(['opened other-content 0', 'recovered next-source', 'data again']);
    rig.abort.abort();
    await rig.over();
  });

  it.each([
    ['a new session', RUNGS, 4, 'recovered new-session'],
    ['another connection', HTTP, 2, 'recovered reopen'],
  ] as const)('that begins a lone source anew says that %s helped', async (_, rungs, failures, told) => {
    const rig = await broken(rungs);
    for (let i = 1; i < failures; i++) {
      rig.first.fail('source_ended');
      await rig.pass(5_000);
    }
    expect(rig.first.last.how).toBe('start');
    rig.first.flow();
    expect(rig.take().slice(-3)).toEqual(['opened same-content 0', told, 'data bytes']);
    rig.abort.abort();
    await rig.over();
  });

  it('calls a reading the first until one has brought bytes', async () => {
    const rig = await new Rig(HTTP, HTTP).start();
    rig.first.last.sink.opened(OPENED);
    rig.first.fail('source_ended');
    await rig.pass(0);
    rig.sources[1]!.flow();
    expect(rig.take()).toEqual(['opened first 0', 'opened first 1', 'data bytes']);
    rig.abort.abort();
    await rig.over();
  });

  it('compares a reading with what was shown last, not with what was tried last', async () => {
    const rig = await broken(HTTP, HTTP);
    rig.first.fail('source_not_found');
    await rig.pass(400);
    rig.sources[1]!.last.sink.opened(OPENED);
    rig.sources[1]!.fail('source_not_found');
    await rig.pass(800);
    rig.first.flow();
    expect(rig.take().slice(-3)).toEqual(['opened same-content 0', 'recovered reopen', 'data bytes']);
    rig.abort.abort();
    await rig.over();
  });

  it('says of a source that crashes why, to the log, and goes on', async () => {
    const rig = await broken();
    rig.first.last.fail(new TypeError('hunter2'));
    await rig.pass(400);
    expect(rig.events.slice(1).map(([name]) => name)).toEqual(['source crashed', 'trying again']);
    expect(rig.events[1]![1]).toEqual({ cause: 'TypeError: hunter2' });
    expect(JSON.stringify(rig.events[2])).not.toContain('hunter2');
    expect(rig.first.last.how).toBe('new-session');
    rig.abort.abort();
    await rig.over();
  });

  it('counts as recovering from the start on when viewers have had bytes, but tells of no recovery', async () => {
    const rig = await new Rig().start(true);
    rig.first.fail('no_peers');
    await rig.pass(200);
    rig.first.flow();
    expect(rig.take()).toEqual(['interrupted no_peers', 'opened first 0', 'data bytes']);
    rig.abort.abort();
    await rig.over();
  });
});

describe('an attempt that is over', () => {
  it('is not listened to any more, except for what it says to the log', async () => {
    const rig = await broken();
    const late = rig.first.runs[0]!;
    for (const now of [false, true]) {
      if (now) rig.first.flow('new');
      late.sink.opened(OPENED);
      late.sink.data(Buffer.from('old'));
    }
    expect(rig.take()).toEqual(['opened same-content 0', 'recovered reopen', 'data new']);
    late.sink.event('late', {});
    expect(rig.events.at(-1)).toEqual(['late', {}]);
    rig.abort.abort();
    await rig.over();
  });

  it('is not listened to from the moment on that it is told to end', async () => {
    const rig = await broken();
    rig.first.obeys = false;
    await rig.pass(60_000);
    const late = rig.first.last;
    expect(late.signal.aborted).toBe(true);
    late.sink.opened(OPENED);
    late.sink.data(Buffer.from('late'));
    expect(rig.take()).toEqual([]);
    late.end();
    await rig.pass(0);
    expect(rig.take()).toEqual(['interrupted start_timeout']);
    rig.abort.abort();
    rig.first.last.end();
    await rig.over();
  });
});

describe('the deadline of an attempt', () => {
  it('ends one that brings no byte, and the next rung has its turn', async () => {
    const rig = await broken();
    const givenMs = (LIMITS.recoveryTimeoutMs - 200) / 2;
    await rig.pass(givenMs + SLACK_MS - 1);
    expect(rig.first.last.signal.aborted).toBe(false);
    await rig.pass(1);
    expect(rig.first.runs[1]!.signal.aborted).toBe(true);
    expect(rig.take()).toEqual(['interrupted start_timeout']);
    await rig.pass(400);
    expect(rig.runs).toEqual([['start', 'reopen', 'other-engine']]);
    rig.abort.abort();
    await rig.over();
  });

  it('is met by the first byte, however long the stream then goes on', async () => {
    const rig = await broken();
    rig.first.flow();
    await rig.pass(10 * LIMITS.recoveryTimeoutMs);
    expect([rig.runs, rig.first.last.signal.aborted, jest.getTimerCount()]).toEqual([[['start', 'reopen']], false, 0]);
    rig.abort.abort();
    await rig.over();
  });

  it('is not met by an upstream that was opened and brings nothing', async () => {
    const rig = await new Rig().start();
    rig.first.last.sink.opened(OPENED);
    await rig.pass(LIMITS.startTimeoutMs + SLACK_MS);
    expect(await rig.over()).toMatchObject({
      code: 'start_timeout',
      message: 'The source brought no byte within 60 s.',
    });
  });

  it('gives way to the answer of the source, which knows more', async () => {
    const rig = await new Rig().start();
    await rig.pass(LIMITS.startTimeoutMs + SLACK_MS - 1);
    rig.first.fail('no_peers', 'Nobody shares it.');
    expect(await rig.over()).toMatchObject({ code: 'no_peers', message: 'Nobody shares it.' });
  });
});

describe('a feed that is told to end', () => {
  it.each<[string, (rig: Rig) => Promise<unknown> | unknown]>([
    ['while it waits for the first byte', () => {}],
    ['while it reads', rig => rig.first.flow()],
    [
      'while it pauses before the next attempt',
      async rig => {
        rig.first.flow();
        rig.first.fail('source_ended');
        await rig.pass(100);
      },
    ],
    [
      'while it reads another source',
      async rig => {
        rig.first.fail('content_not_found');
        await rig.pass(0);
        rig.sources[1]!.flow();
      },
    ],
  ])('%s closes all sources and resolves at once', async (_, act) => {
    const rig = await new Rig(RUNGS, HTTP).start();
    await act(rig);
    const before = rig.sources.map(({ closes }) => closes);
    const runs = structuredClone(rig.runs);
    rig.abort.abort();
    expect(await rig.over()).toBe('ended');
    expect(rig.sources.map(({ closes }, i) => closes - before[i]!)).toEqual([1, 1]);
    expect(rig.runs).toEqual(runs);
  });

  it('while a source closes tries nothing more', async () => {
    const rig = await new Rig(HTTP, HTTP).start();
    let closed: () => void = () => {};
    rig.first.closing = new Promise(resolve => {
      closed = resolve;
    });
    rig.first.fail('source_not_found');
    await rig.pass(0);
    rig.abort.abort();
    closed();
    expect([await rig.over(), rig.runs]).toEqual(['ended', [['start'], []]]);
  });

  it('settles only when all sources are closed', async () => {
    const rig = await new Rig(RUNGS, HTTP).start();
    let closed: () => void = () => {};
    rig.sources[1]!.closing = new Promise(resolve => {
      closed = resolve;
    });
    rig.abort.abort();
    await rig.pass(10_000);
    expect(rig.outcome).toBeUndefined();
    closed();
    expect(await rig.over()).toBe('ended');
  });

  it('by what it says of an interruption tries nothing more, and says no more', async () => {
    const rig = new Rig();
    await rig.start();
    rig.first.flow();
    rig.take();
    const push = rig.told.push.bind(rig.told);
    rig.told.push = (...lines) => {
      rig.abort.abort();
      return push(...lines);
    };
    rig.first.fail('source_ended');
    expect(await rig.over()).toBe('ended');
    expect([rig.take(), rig.events, rig.runs]).toEqual([['interrupted source_ended'], [], [['start']]]);
  });

  it('does not fail when a source does on the way out', async () => {
    const rig = await new Rig().start();
    rig.first.obeys = false;
    rig.abort.abort();
    rig.first.fail('source_ended');
    expect(await rig.over()).toBe('ended');
  });
});

describe('a feed that fails', () => {
  it('after bytes says that it could not be recovered, and what failed last', async () => {
    const rig = await broken(HTTP);
    for (let i = 0; i < 100 && rig.outcome === undefined; i++) {
      rig.first.fail('source_unavailable', `No connection (${i}).`);
      await rig.pass(6_000);
    }
    const error = await rig.over();
    expect(error).toMatchObject({ code: 'recovery_failed' });
    expect(String(error)).toMatch(/within 60 s: No connection \(\d+\)\./);
    expect(rig.first.closes).toBe(1);
  });

  it('before the first byte fails as its source did', async () => {
    const rig = await new Rig(HTTP).start();
    rig.first.fail('source_refused', 'Not for you.');
    expect(await rig.over()).toMatchObject({ code: 'source_refused', message: 'Not for you.' });
    expect(rig.told).toEqual([]);
  });

  it('before the first byte of any source gives the reason of the one that is preferred, its latest', async () => {
    const rig = await new Rig(RUNGS, HTTP, HTTP).start();
    rig.first.fail('engine_silent');
    await rig.pass(0);
    rig.first.fail('no_peers', 'Nobody shares it.');
    await rig.pass(0);
    rig.sources[1]!.fail('source_not_found');
    await rig.pass(0);
    rig.sources[2]!.fail('source_unavailable');
    expect(await rig.over()).toMatchObject({ code: 'no_peers', message: 'Nobody shares it.' });
    expect(rig.runs).toEqual([['start', 'other-engine'], ['start'], ['start']]);
  });

  it('by a crash at its start says only "internal" to users', async () => {
    const rig = await new Rig(HTTP).start();
    rig.first.last.fail(new TypeError('hunter2'));
    const error = await rig.over();
    expect(error).toMatchObject({ code: 'internal' });
    expect(String(error)).not.toContain('hunter2');
  });
});
