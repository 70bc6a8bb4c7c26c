import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, type ErrorCode } from '../../../src/shared/errors.ts';
import { RecoveryPlan, type Step } from '../../../workers/shard/source/recovery-plan.ts';
import { RUNGS, type Rung } from '../../../workers/shard/source/source.ts';

const ENGINE: readonly Rung[] = RUNGS;
const HTTP: readonly Rung[] = ['reopen'];
const START_MS = 60_000;
const RECOVERY_MS = 120_000;
const STABLE_MS = 10_000;
const COOL_DOWN_MS = 30_000;

/** A plan with a clock that is set by hand, and pauses that are not spread. */
class Rig {
  readonly plan: RecoveryPlan;
  nowMs = 1_000;

  constructor(rungs: readonly (readonly Rung[])[], { resumes = false, recoveryTimeoutMs = RECOVERY_MS } = {}) {
    const limits = { startTimeoutMs: START_MS, recoveryTimeoutMs };
    this.plan = new RecoveryPlan(rungs, limits, { nowMs: this.nowMs, resumes, random: () => 0.5 });
  }

  /** Bytes flow for a while. */
  flow(ms: number): this {
    this.plan.flowed(this.nowMs);
    this.nowMs += ms;
    return this;
  }

  /** The present attempt fails, and the pause behind it goes by. */
  fail(code: ErrorCode, afterMs = 0): Step | undefined {
    this.nowMs += afterMs;
    const step = this.plan.failed(code, this.nowMs);
    this.nowMs += step?.waitMs ?? 0;
    return step;
  }

  /** What is tried after a failure: source and way. */
  next(code: ErrorCode, afterMs = 0): string {
    const step = this.fail(code, afterMs);
    return step === undefined ? 'over' : `${step.source} ${step.how}`;
  }

  /** A stream that broke just after it began to flow, and stands on this rung of its first source. */
  static on(how: 'start' | Rung, rungs: readonly (readonly Rung[])[]): Rig {
    const rig = new Rig(rungs).flow(1);
    const climb = RUNGS.slice(0, RUNGS.indexOf(how as Rung) + 1);
    for (const rung of climb) expect(rig.next('source_ended')).toBe(`0 ${rung}`);
    return rig;
  }
}

/** Where each failure enters the ladder; a code that is not listed begins with a new session. */
const ENTRIES: Readonly<Record<'reopen' | 'other-engine' | 'next-source', readonly ErrorCode[]>> = {
  reopen: ['source_ended', 'source_stalled', 'source_unavailable', 'source_bad_answer'],
  'other-engine': [
    'content_not_found',
    'engine_unavailable',
    'engine_silent',
    'engine_refused',
    'engines_busy',
    'engines_full',
    'no_peers',
    'start_timeout',
  ],
  'next-source': [
    'content_busy',
    'engine_disabled',
    'source_not_found',
    'source_not_allowed',
    'source_not_stream',
    'source_untrusted',
    'source_refused',
  ],
};

function entryOf(code: ErrorCode): Rung | 'next-source' {
  for (const [entry, codes] of Object.entries(ENTRIES)) if (codes.includes(code)) return entry as keyof typeof ENTRIES;
  return 'new-session';
}

/** What follows a failure: the entry of its code, but always further up the ladder than where it failed. */
function expected(code: ErrorCode, present: 'start' | Rung): string {
  const ladder = [...RUNGS, 'next-source'];
  const at = Math.max(ladder.indexOf(entryOf(code)), ladder.indexOf(present) + 1);
  return ladder[at] === 'next-source' ? '1 start' : `0 ${ladder[at]}`;
}

describe.each(['start', ...RUNGS] as const)('a stream that fails on the rung %s', present => {
  it.each(ERROR_CODES.map(code => [code, expected(code, present)] as const))(
    'with %s goes on with %s',
    (code, step) => {
      expect(Rig.on(present, [ENGINE, ENGINE]).next(code)).toBe(step);
    },
  );
});

describe('the ladder', () => {
  it('is climbed rung by rung, then comes the next source', () => {
    const rig = new Rig([ENGINE, HTTP]).flow(1);
    const steps = Array.from({ length: 6 }, () => rig.next('source_ended'));
    expect(steps).toEqual(['0 reopen', '0 new-session', '0 other-engine', '1 start', '1 reopen', '0 start']);
  });

  it.each<[string, ErrorCode, string]>([
    ['none above', 'session_lost', '1 start'],
    ['none at all for that failure', 'engine_silent', '1 start'],
    ['the entry', 'source_ended', '0 reopen'],
  ])('leaves out rungs that a source lacks: %s', (_, code, step) => {
    expect(new Rig([HTTP, HTTP]).flow(1).next(code)).toBe(step);
  });

  it('takes the next rung that there is', () => {
    const rungs: readonly Rung[] = ['reopen', 'other-engine'];
    expect(new Rig([rungs]).flow(1).next('session_lost')).toBe('0 other-engine');
  });

  it('begins again for a source that has no other beside it', () => {
    const rig = new Rig([ENGINE]).flow(1);
    const steps = Array.from({ length: 6 }, () => rig.next('source_ended'));
    expect(steps).toEqual(['0 reopen', '0 new-session', '0 other-engine', '0 start', '0 reopen', '0 new-session']);
    expect(new Rig([HTTP]).flow(1).next('source_not_found')).toBe('0 start');
  });

  it('is climbed on by a stream that flaps', () => {
    const rig = new Rig([ENGINE, HTTP]).flow(1);
    const steps: string[] = [];
    for (let i = 0; i < 4; i++) {
      steps.push(rig.next('source_ended'));
      rig.flow(STABLE_MS - 1);
    }
    expect(steps).toEqual(['0 reopen', '0 new-session', '0 other-engine', '1 start']);
  });

  it('begins at the bottom once bytes have flowed for a while', () => {
    const rig = new Rig([ENGINE, HTTP]).flow(1);
    for (let i = 0; i < 3; i++) rig.fail('source_ended');
    rig.flow(STABLE_MS);
    expect(rig.next('source_ended')).toBe('0 reopen');
  });
});

describe('pauses', () => {
  const waits = (rig: Rig, count: number): number[] =>
    Array.from({ length: count }, () => Math.round(rig.fail('source_ended')!.waitMs));

  it('double from 200 ms up to 5 s, over rungs and sources', () => {
    expect(waits(new Rig([ENGINE, HTTP]).flow(1), 7)).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('grow on while the stream flaps, and begin anew when it was stable', () => {
    const rig = new Rig([ENGINE]).flow(1);
    expect(waits(rig, 2)).toEqual([200, 400]);
    rig.flow(STABLE_MS - 1);
    expect(waits(rig, 1)).toEqual([800]);
    rig.flow(STABLE_MS);
    expect(waits(rig, 2)).toEqual([200, 400]);
  });

  it('are spread by a quarter, so that many streams of one engine do not come back at once', () => {
    for (const [random, waitMs] of [
      [0, 150],
      [0.999_999, 250],
    ] as const) {
      const limits = { startTimeoutMs: START_MS, recoveryTimeoutMs: RECOVERY_MS };
      const plan = new RecoveryPlan([ENGINE], limits, { nowMs: 0, resumes: true, random: () => random });
      expect(plan.failed('source_ended', 0)!.waitMs).toBeCloseTo(waitMs, 2);
    }
  });

  it('are none before the first byte', () => {
    const rig = new Rig([ENGINE, ENGINE]);
    expect([rig.fail('engine_silent')!.waitMs, rig.fail('no_peers')!.waitMs]).toEqual([0, 0]);
  });
});

describe('several sources', () => {
  it('are tried in the order of preference, and none again within its cool-down while another has rested', () => {
    const rig = new Rig([HTTP, HTTP, HTTP]).flow(1);
    expect(rig.next('source_not_found')).toBe('1 start');
    expect(rig.next('source_not_found')).toBe('2 start');
    // All have failed by now: the one whose failure is the longest ago.
    expect(rig.next('source_not_found')).toBe('0 start');
    expect(rig.next('source_not_found')).toBe('1 start');
  });

  it('give way to a preferred one that has rested', () => {
    const rig = new Rig([HTTP, HTTP, HTTP]).flow(1);
    expect(rig.next('source_not_found')).toBe('1 start');
    rig.flow(COOL_DOWN_MS);
    expect(rig.next('source_not_found')).toBe('0 start');
  });

  it('are gone through past one that has not rested yet', () => {
    const rig = new Rig([HTTP, HTTP, HTTP]).flow(1);
    const failedMs = rig.nowMs;
    expect(rig.next('source_not_found')).toBe('1 start');
    rig.flow(failedMs + COOL_DOWN_MS - rig.nowMs - 1);
    expect(rig.next('source_not_found')).toBe('2 start');
  });

  it('are not left while rungs of the present one may help', () => {
    const rig = new Rig([HTTP, ENGINE]).flow(1);
    expect(rig.next('source_not_found')).toBe('1 start');
    rig.flow(COOL_DOWN_MS * 2);
    expect(rig.next('source_ended')).toBe('1 reopen');
  });
});

describe('the budget of a recovery', () => {
  it('counts from the interruption, and ends the trying when the next pause would use it up', () => {
    const rig = new Rig([HTTP], { recoveryTimeoutMs: 10_000 }).flow(50_000);
    expect(rig.next('source_ended')).toBe('0 reopen');
    expect(rig.next('source_unavailable', 9_399)).toBe('0 start');
    expect(new Rig([HTTP], { recoveryTimeoutMs: 10_000 }).flow(1).fail('source_ended', 0)).toBeDefined();
    const late = new Rig([HTTP], { recoveryTimeoutMs: 10_000 }).flow(1);
    late.fail('source_ended');
    expect(late.next('source_unavailable', 9_400)).toBe('over');
  });

  it('begins anew with every interruption', () => {
    const rig = new Rig([ENGINE], { recoveryTimeoutMs: 10_000 });
    for (let i = 0; i < 20; i++) {
      rig.flow(1_000);
      expect(rig.fail('source_ended')).toBeDefined();
      rig.nowMs += 1_000;
    }
  });

  it('gives an attempt half of what is left, at least 5 s, and never more than is left', () => {
    const rig = new Rig([ENGINE], { recoveryTimeoutMs: 40_000 }).flow(1);
    const interruptedMs = rig.nowMs;
    rig.fail('source_ended');
    const given = [0, 10_000, 20_000, 30_000, 34_000, 37_000, 40_000].map(ms => rig.plan.attemptMs(interruptedMs + ms));
    expect(given).toEqual([20_000, 15_000, 10_000, 5_000, 5_000, 3_000, 0]);
  });
});

describe('before the first byte', () => {
  it('each source is tried once, in order, and then it is over', () => {
    const rig = new Rig([ENGINE, HTTP, ENGINE]);
    expect(rig.plan.current).toEqual({ source: 0, how: 'start', waitMs: 0 });
    expect(['no_peers', 'source_unavailable', 'content_not_found'].map(code => rig.next(code as ErrorCode))).toEqual([
      '1 start',
      '2 start',
      'over',
    ]);
    expect(rig.plan.established).toBe(false);
  });

  const OTHERS: readonly ErrorCode[] = [
    'engine_unavailable',
    'engine_silent',
    'engine_bad_answer',
    'session_lost',
    'source_ended',
  ];
  it.each(ERROR_CODES.map(code => [code, OTHERS.includes(code) ? '0 other-engine' : '1 start'] as const))(
    'a start that fails with %s goes on with %s',
    (code, step) => {
      expect(new Rig([ENGINE, ENGINE]).next(code)).toBe(step);
    },
  );

  it('at most three engines are tried for one source, and as many for the next', () => {
    const rig = new Rig([ENGINE, ENGINE]);
    const steps = Array.from({ length: 6 }, () => rig.next('engine_silent'));
    expect(steps).toEqual(['0 other-engine', '0 other-engine', '1 start', '1 other-engine', '1 other-engine', 'over']);
  });

  it('no other engine is looked for by a source that has none', () => {
    expect(new Rig([HTTP]).next('source_ended')).toBe('over');
  });

  it('the budget of the start ends it, for all sources together', () => {
    const rig = new Rig([ENGINE, ENGINE]);
    expect(rig.next('engine_silent', START_MS - 1)).toBe('0 other-engine');
    expect(rig.next('engine_silent', 1)).toBe('over');
  });

  it('a source gets an equal share of what is left', () => {
    const rig = new Rig([HTTP, HTTP, HTTP]);
    expect(rig.plan.attemptMs(rig.nowMs)).toBe(START_MS / 3);
    rig.fail('source_unavailable', 10_000);
    expect(rig.plan.attemptMs(rig.nowMs)).toBe((START_MS - 10_000) / 2);
    rig.fail('source_unavailable', 10_000);
    expect(rig.plan.attemptMs(rig.nowMs)).toBe(START_MS - 20_000);
  });

  it('a start becomes a recovery with the first byte', () => {
    const rig = new Rig([ENGINE, ENGINE]).flow(0);
    expect([rig.plan.established, rig.next('no_peers')]).toEqual([true, '0 other-engine']);
  });
});

describe('viewers who have had bytes from a shard that died', () => {
  it('are worth a recovery from the start on', () => {
    const rig = new Rig([ENGINE, HTTP], { resumes: true });
    expect([rig.plan.established, rig.plan.current.how]).toEqual([true, 'start']);
    expect(rig.plan.attemptMs(rig.nowMs)).toBe(RECOVERY_MS / 2);
    expect([rig.next('no_peers'), rig.next('no_peers'), rig.next('source_not_found')]).toEqual([
      '0 other-engine',
      '1 start',
      '0 start',
    ]);
  });

  it('wait for the budget of a recovery, not for that of a start', () => {
    expect(new Rig([ENGINE], { resumes: true }).next('start_timeout', START_MS)).toBe('0 other-engine');
    expect(new Rig([ENGINE], { resumes: true }).next('start_timeout', RECOVERY_MS)).toBe('over');
  });
});
