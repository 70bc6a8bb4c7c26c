import { describe, expect, it } from '@jest/globals';
import type { RoleCounts } from '../../../benchmarks/soak/audience.ts';
import { drawCurve, stepFor } from '../../../benchmarks/soak/curve.ts';
import { readOptions } from '../../../benchmarks/soak/options.ts';
import { reportMarkdown, reportText } from '../../../benchmarks/soak/report.ts';
import type { SoakResults } from '../../../benchmarks/soak/results.ts';
import { ExpiredSessions, metricSum, type Sample } from '../../../benchmarks/soak/sampler.ts';
import { judge } from '../../../benchmarks/soak/verdict.ts';

const MIB = 2 ** 20;

const STEADY: RoleCounts = {
  role: 'steady',
  seats: 4,
  visits: 5,
  refusals: 0,
  bytes: 1e9,
  lostPackets: 30,
  gaps: 2,
  stepsBack: 1,
  discontinuities: 12,
  continuityErrors: 0,
  syncErrors: 0,
  longestSilenceMs: 4_000,
};

function sample(i: number, rssMib: number): Sample {
  return {
    atMs: i * 5_000,
    rssBytes: rssMib * MIB,
    descriptors: 80,
    threads: 12,
    heapBytes: 20 * MIB,
    externalBytes: null,
    packetLogBytes: i === 3 ? null : 12 * MIB,
    streams: 4,
    readers: 4,
    leases: 4,
    engineSessions: [2, null],
    served: 4,
  };
}

/** A run that passes, with RSS as given in MiB. */
function results(rss: readonly number[], changes: Partial<SoakResults> = {}): SoakResults {
  return {
    format: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    machine: { cpu: 'a fast one', cores: 2, memoryBytes: 2 ** 33, kernel: 'Linux', node: 'v20' },
    options: readOptions(['--seed', '7', '--set', 'SHARDS=2'])!,
    watchedMs: rss.length * 5_000,
    base: { rssBytes: 90 * MIB, descriptors: 25, threads: 12 },
    samples: rss.map((mib, i) => sample(i, mib)),
    faults: [
      { atMs: 6_000, kind: 'cut', forMs: 0 },
      { atMs: 9_000, kind: 'engine-down', forMs: 3_000 },
    ],
    missedFaults: 0,
    roles: [STEADY],
    disconnects: [],
    disconnectCount: 0,
    starving: 0,
    expiredSessions: 0,
    aftermath: {
      figures: { rssBytes: 110 * MIB, descriptors: 26, threads: 12 },
      engineSessions: [0, 0],
      settledAfterMs: 3_500,
    },
    brokenOff: null,
    ...changes,
  };
}

const LEVEL = new Array<number>(40).fill(120);
const failures = (found: SoakResults): string[] => judge(found).flatMap(({ what, passed }) => (passed ? [] : [what]));

describe('the verdict on a soak run', () => {
  it('is good when nobody was lost and nothing is left', () => {
    expect(failures(results(LEVEL))).toEqual([]);
  });

  it.each<[string, Partial<SoakResults>, string]>([
    ['a viewer was disconnected', { disconnectCount: 1 }, 'disconnected'],
    ['a viewer has no picture at the end', { starving: 1 }, 'without a picture'],
    ['a packet was off the grid', { roles: [{ ...STEADY, syncErrors: 1 }] }, 'grid'],
    ['a jump was not announced', { roles: [{ ...STEADY, continuityErrors: 1 }] }, 'discontinuity'],
    ['the run was broken off', { brokenOff: 'the gateway ended (SIGKILL)', aftermath: null }, 'the run'],
  ])('is bad when %s', (_what, changes, reason) => {
    expect(failures(results(LEVEL, changes))[0]).toContain(reason);
  });

  it('is bad when a session or a descriptor is left', () => {
    const left = { rssBytes: 110 * MIB, descriptors: 45, threads: 12 };
    const aftermath = { figures: left, engineSessions: [0, 1], settledAfterMs: 33_000 };
    expect(failures(results(LEVEL, { aftermath }))).toEqual([
      'sessions left at the engines',
      'descriptors left (before: 25)',
    ]);
  });

  it('takes no offence at memory that grows to a level, and does at memory that goes on growing', () => {
    expect(failures(results(LEVEL.map((mib, i) => mib - 40 / (i + 1))))).toEqual([]);
    expect(failures(results(LEVEL.map((mib, i) => mib + 4 * i)))).toEqual([
      expect.stringMatching(/^RSS, median of the last quarter/),
    ]);
  });
});

describe('the report of a soak run', () => {
  it('names what passed and what did not, and every disconnect', () => {
    const lost = { atMs: 61_500, stream: 3, role: 'steady', reason: 'closed' } as const;
    const text = reportMarkdown(results(LEVEL, { disconnects: [lost], disconnectCount: 3 }));
    expect(text).toContain('| viewers disconnected who should have stayed | 3 | 0 | NO |');
    expect(text).toContain('| 61.5 | 3 | steady | closed |');
    expect(text).toContain('And 2 more.');
    expect(text).toContain('| engine-down | 1 |');
    expect(text).toContain('SHARDS=2');
    expect(reportText(results(LEVEL))).not.toContain('Disconnects');
  });
});

describe('the curve of a soak run', () => {
  it('is well-formed, with one line for each figure, broken where nothing was measured', () => {
    const svg = drawCurve(results(LEVEL));
    const open: string[] = [];
    for (const [, end, name, attributes, single] of svg.matchAll(/<(\/?)(\w+)([^>]*?)(\/?)>/g)) {
      const keys = [...attributes!.matchAll(/([\w-]+)="[^"<]*"/g)].map(([, key]) => key);
      expect(keys).toHaveLength(new Set(keys).size);
      if (end !== '') expect(open.pop()).toBe(name);
      else if (single === '') open.push(name!);
    }
    expect(open).toEqual([]);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg.match(/stroke-linejoin/g)).toHaveLength(6);
    expect(svg.match(/<path d="M[^"]*M[^"]*" fill="none"/g)).toHaveLength(1);
  });

  it('can be drawn of a run that ended before its first sample', () => {
    expect(drawCurve(results([], { aftermath: null, brokenOff: 'interrupted', faults: [] }))).not.toMatch(
      /NaN|Infinity/,
    );
  });

  it('has round steps on its axes', () => {
    expect([0.9, 7, 139, 2_000].map(stepFor)).toEqual([0.5, 2, 50, 500]);
  });
});

describe('the sampler of a soak run', () => {
  it('adds a metric up over its labels, and tells none from zero', () => {
    const text = 'streams{state="live"} 3\nstreams{state="idle"} 1\nstreams_total 9\nbytes 2e6\n';
    expect([metricSum(text, 'streams'), metricSum(text, 'bytes'), metricSum(text, 'readers')]).toEqual([4, 2e6, null]);
  });

  it("goes on counting an engine's expired sessions when it is started again", () => {
    const expired = new ExpiredSessions();
    for (const [engine, count] of [
      [0, 1],
      [0, 3],
      [1, 2],
      [0, 0],
      [0, 1],
    ] as const)
      expired.note(engine, count);
    expect(expired.total).toBe(6);
  });
});
