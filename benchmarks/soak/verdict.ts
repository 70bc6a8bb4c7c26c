/** Whether a soak run passed: what must hold at its end, each with what was found. */
import { median } from '../lib/statistics.ts';
import type { SoakResults } from './results.ts';

/** One thing that must hold. */
export interface Check {
  what: string;
  found: string;
  bound: string;
  passed: boolean;
}

/**
 * What Node opens when it is first needed, and connections that come and go (a health check to each engine). A leak of
 * one descriptor a fault is far above it.
 */
const SPARE_DESCRIPTORS = 8;
/**
 * RSS may be this much higher in the last quarter than in the second: heaps of several threads grow in steps and give
 * back late. A leak that matters in a day shows in an hour all the same: a stream's log alone is over half a megabyte.
 */
const RSS_GROWTH = { share: 0.25, bytes: 32 * 2 ** 20 } as const;
const MIB = 2 ** 20;

/** Most descriptors that may be left. */
export function descriptorBound(base: number): number {
  return base + SPARE_DESCRIPTORS;
}

/** Median RSS of the run's second and last quarter; null where there are no samples. */
export function rssQuarters({ samples }: Pick<SoakResults, 'samples'>): {
  second: number | null;
  last: number | null;
} {
  const quarter = samples.length / 4;
  const part = (from: number, to: number): number | null =>
    median(samples.slice(Math.floor(from), Math.floor(to)).map(sample => sample.rssBytes));
  return { second: part(quarter, 2 * quarter), last: part(3 * quarter, samples.length) };
}

function none(what: string, count: number): Check {
  return { what, found: String(count), bound: '0', passed: count === 0 };
}

function memory(results: SoakResults): Check {
  const { second, last } = rssQuarters(results);
  const bound = (second ?? 0) * (1 + RSS_GROWTH.share) + RSS_GROWTH.bytes;
  const mib = (bytes: number | null): string => (bytes === null ? '–' : `${(bytes / MIB).toFixed(0)} MiB`);
  return {
    what: `RSS, median of the last quarter (the second: ${mib(second)})`,
    found: mib(last),
    bound: `at most ${mib(bound)}`,
    passed: second !== null && last !== null && last <= bound,
  };
}

/** Everything that must hold, in the order in which it is reported. */
export function judge(results: SoakResults): Check[] {
  const { aftermath, base, brokenOff, roles } = results;
  const sum = (pick: (role: SoakResults['roles'][number]) => number): number =>
    roles.reduce((total, role) => total + pick(role), 0);
  const left = aftermath?.engineSessions.reduce<number>((total, count) => total + (count ?? 0), 0);
  const descriptors = aftermath?.figures.descriptors;
  return [
    { what: 'the run', found: brokenOff ?? 'came to its end', bound: 'comes to its end', passed: brokenOff === null },
    none('viewers disconnected who should have stayed', results.disconnectCount),
    none('viewers without a picture when all faults were over', results.starving),
    none(
      'packets off the grid',
      sum(role => role.syncErrors),
    ),
    none(
      'jumps that no discontinuity flag announced',
      sum(role => role.continuityErrors),
    ),
    {
      what: 'sessions left at the engines',
      found: left === undefined ? '–' : String(left),
      bound: '0',
      passed: left === 0,
    },
    {
      what: `descriptors left (before: ${base.descriptors})`,
      found: descriptors === undefined ? '–' : String(descriptors),
      bound: `at most ${descriptorBound(base.descriptors)}`,
      passed: descriptors !== undefined && descriptors <= descriptorBound(base.descriptors),
    },
    memory(results),
  ];
}
