import { describe, expect, it } from '@jest/globals';
import { RUNGS } from '../../../workers/shard/source/source.ts';
import { EngineSourceRig } from '../support/engine-source-rig.ts';
import { within } from '../support/waiting.ts';

/** Steps of a run after which it is taken for one that goes on for ever. */
const MANY_STEPS = 18;

/** When the signal fires, seen from a step of the run. */
const MOMENTS: readonly [string, (act: () => void) => void][] = [
  ['within', act => act()],
  ['right after', act => queueMicrotask(act)],
  ['a turn after', act => void setImmediate(act)],
];

/** Runs a source that was cut off before, and aborts the run at one of its steps. @returns whether there was that step */
async function abortedAt(how: 'start' | (typeof RUNGS)[number], atStep: number, at: (act: () => void) => void) {
  const rig = await EngineSourceRig.with(2);
  await rig.broken();
  const steps: string[] = [];
  const abort = new AbortController();
  rig.onStep = step => {
    steps.push(step);
    if (steps.length === atStep) at(() => abort.abort());
    else if (step === 'data') setImmediate(() => rig.send());
  };
  const run = rig.source.run(how, abort.signal, rig);
  await within(`the run "${how}" ends when it is aborted at step ${atStep} of ${steps}`, run);
  await rig.close();
  return steps;
}

describe.each(['start', ...RUNGS] as const)('the run "%s"', how => {
  it.each(MOMENTS)('can be aborted %s any of its steps, and leaves nothing behind', async (_, at) => {
    const aborted = new Set<string>();
    for (let step = 1; step < MANY_STEPS; step++) {
      const steps = await abortedAt(how, step, at);
      aborted.add(steps[step - 1]!);
    }
    expect([...aborted]).toEqual(expect.arrayContaining(['stat', 'r', 'content', 'opened', 'data', 'flowing']));
    if (how !== 'reopen') expect(aborted).toContain('getstream');
    if (how === 'other-engine') expect(aborted).toContain('lease granted');
  });
});

it('runs that break and are closed leave no timer and no socket behind', async () => {
  const kinds = (): string[] =>
    process.getActiveResourcesInfo().filter(kind => kind === 'Timeout' || kind.startsWith('TCP'));
  const before = kinds().length;
  const rig = await EngineSourceRig.with(2);
  for (const how of ['start', ...RUNGS] as const) await rig.broken(how);
  await rig.close();
  expect(kinds().length).toBeLessThanOrEqual(before);
});
