import { describe, expect, it } from '@jest/globals';
import { ENGINE_FAULTS, FAULT_KINDS, isEngineFault } from '../../../benchmarks/soak/fault-kinds.ts';
import { readOptions } from '../../../benchmarks/soak/options.ts';
import { type PlanOptions, planAbsences, planFaults } from '../../../benchmarks/soak/plan.ts';

const OPTIONS: PlanOptions = {
  seed: 1,
  fromMs: 8_000,
  untilMs: 15 * 60_000,
  streams: 20,
  engines: 3,
  kinds: FAULT_KINDS,
};

describe('the plan of a soak run', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planFaults(OPTIONS)).toEqual(planFaults(OPTIONS));
    expect(planFaults({ ...OPTIONS, seed: 2 })).not.toEqual(planFaults(OPTIONS));
    expect(planAbsences(OPTIONS)).toEqual(planAbsences(OPTIONS));
  });

  it('has every kind of fault, in the order of their times, and all of them over in time', () => {
    const faults = planFaults(OPTIONS);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    expect(faults.map(({ atMs }) => atMs)).toEqual(faults.map(({ atMs }) => atMs).sort((a, b) => a - b));
    for (const { atMs, forMs } of [...faults, ...planAbsences(OPTIONS)]) {
      expect(atMs).toBeGreaterThanOrEqual(OPTIONS.fromMs);
      expect(atMs + forMs).toBeLessThanOrEqual(OPTIONS.untilMs);
    }
  });

  it('never has two engines in trouble at once', () => {
    const faults = planFaults(OPTIONS).filter(({ kind }) => isEngineFault(kind));
    expect(faults.length).toBeGreaterThan(3 * ENGINE_FAULTS.length);
    for (const [i, { atMs }] of faults.slice(1).entries())
      expect(atMs).toBeGreaterThan(faults[i]!.atMs + faults[i]!.forMs);
  });

  it('leaves a stream time to recover before its next fault', () => {
    for (let stream = 0; stream < OPTIONS.streams; stream++) {
      const own = planFaults(OPTIONS).filter(fault => !isEngineFault(fault.kind) && fault.stream === stream);
      for (const [i, { atMs }] of own.slice(1).entries())
        expect(atMs - own[i]!.atMs - own[i]!.forMs).toBeGreaterThanOrEqual(20_000);
    }
  });

  it('keeps to the kinds that are asked for', () => {
    const kinds = planFaults({ ...OPTIONS, kinds: ['hiccup', 'engine-down'] }).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['hiccup', 'engine-down']));
    expect(planFaults({ ...OPTIONS, kinds: [] })).toEqual([]);
  });
});

describe('the options of a soak run', () => {
  it('have defaults, and a seed that differs from run to run', () => {
    const options = readOptions([])!;
    expect(options).toMatchObject({ minutes: 15, streams: 20, viewers: 5, engines: 3, kinds: FAULT_KINDS, out: null });
    expect(readOptions([])!.seed).not.toBe(options.seed);
  });

  it('take numbers, kinds and settings', () => {
    const args = ['--minutes', '1.5', '--seed', '7', '--kinds', 'cut,stall', '--set', 'SHARDS=2', '--set', 'A=b=c'];
    expect(readOptions(args)).toMatchObject({
      minutes: 1.5,
      seed: 7,
      kinds: ['cut', 'stall'],
      settings: { SHARDS: '2', A: 'b=c' },
    });
    expect(readOptions(['--kinds', 'none'])!.kinds).toEqual([]);
    expect(readOptions(['--help'])).toBeNull();
  });

  it.each([
    [['--minutes', '0.5'], '--minutes'],
    [['--streams', '1.5'], '--streams'],
    [['--engines', ''], '--engines'],
    [['--kinds', 'cut,flood'], "'flood'"],
    [['--set', 'SHARDS'], 'KEY=value'],
    [['--nonsense'], '--nonsense'],
  ])('refuse %j and say why', (args, reason) => {
    expect(() => readOptions(args)).toThrow(reason);
  });
});
