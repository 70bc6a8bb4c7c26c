import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Settled } from '../../src/guide/guide-job.ts';
import type * as CpuPoolModule from '../../src/jobs/cpu-pool.ts';
import { until, within } from '../helpers/until.ts';
import { READING } from '../unit/support/guide-rig.ts';
import { ScriptedOrigin } from '../unit/support/scripted-origin.ts';

/** Threads run from the built output. */
const { CpuPool } = (await import('../../dist/src/jobs/cpu-pool.js' as string)) as typeof CpuPoolModule;

let origin: ScriptedOrigin;
let pool: CpuPoolModule.CpuPool;
beforeEach(async () => {
  origin = await ScriptedOrigin.start({ '*': (_, response) => void response.writeHead(200).write('<tv>') });
  pool = new CpuPool();
});
afterEach(async () => {
  await within('the pool to close', pool.close());
  await origin.close();
});

/** A job that waits for a server for as long as it may. */
const waitFor = (place: string, signal = new AbortController().signal): Promise<Settled<unknown>> =>
  pool.run(
    'guide',
    { type: 'preview', place: `${origin.url}/${place}`, nowS: 0, options: { ...READING, timeoutMs: 60_000 } },
    { signal },
  );

const asked = (): string[] => origin.requests.map(({ path }) => path);

describe('a pool of jobs', () => {
  it('runs one after another, and lets go at once of one that waits and is not wanted any more', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const running = waitFor('first', first.signal);
    const unwanted = waitFor('second', second.signal);
    const next = waitFor('third');
    await until('the first one to be at work', () => asked().length === 1);
    second.abort();
    await expect(within('the second one to be let go of', unwanted)).rejects.toMatchObject({ name: 'AbortError' });
    first.abort();
    await expect(within('the first one to stop', running)).rejects.toMatchObject({ name: 'AbortError' });
    await until('the third one to be at work', () => asked().length === 2);
    expect(asked()).toEqual(['/first', '/third']);
    const stopped = expect(next).rejects.toMatchObject({ name: 'AbortError' });
    await within('the pool to close', pool.close());
    await stopped;
    await expect(waitFor('fourth')).rejects.toMatchObject({ name: 'AbortError' });
  });
});
