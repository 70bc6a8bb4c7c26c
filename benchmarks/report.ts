/** Turns a run's results into tables: medians over the rounds, ratios to the naive gateway and to the C floor. */
import { DELIVERED_ENOUGH } from './lib/measure.ts';
import type { FanOutSample, Results } from './lib/results.ts';
import { type VariantName, variants } from './lib/servers.ts';
import { PARSED_VIEWERS } from './lib/settings.ts';
import { median, percentile } from './lib/statistics.ts';
import { asMarkdown, figure, type Table } from './lib/table.ts';

const BYTES_PER_MB = 1e6;
const BYTES_PER_KB = 1e3;

/** One line of the fan-out table; figures are medians over the rounds. */
export interface FanOutRow {
  variant: VariantName;
  viewers: number;
  cpuPercent: number | null;
  rssBytes: number | null;
  /** What each viewer beyond the first adds. */
  rssPerViewerBytes: number | null;
  p50Ms: number | null;
  p99Ms: number | null;
  deliveredShare: number | null;
  cpuToBaseline: number | null;
  /** To the cheapest of the C floors. */
  cpuToFloor: number | null;
  /** Why there are no figures; null where there are. */
  refused: string | null;
}

function ratio(value: number | null, to: number | null): number | null {
  return value === null || to === null || to === 0 ? null : value / to;
}

function medianRow(samples: FanOutSample[]): FanOutRow {
  const { variant, viewers } = samples[0]!;
  const refused = samples.find(sample => sample.refused !== null)?.refused ?? null;
  const middle = (pick: (sample: FanOutSample) => number | null) =>
    refused === null ? median(samples.map(pick)) : null;
  return {
    variant,
    viewers,
    cpuPercent: middle(sample => sample.cpuPercent),
    rssBytes: middle(sample => sample.rssBytes),
    rssPerViewerBytes: null,
    p50Ms: middle(sample => sample.load.latencyMs.p50),
    p99Ms: middle(sample => sample.load.latencyMs.p99),
    deliveredShare: middle(sample => sample.deliveredShare),
    cpuToBaseline: null,
    cpuToFloor: null,
    refused,
  };
}

/** A server that fell behind did less work: its processor time must not be compared. */
function comparableCpu(row: FanOutRow): number | null {
  return row.deliveredShare !== null && row.deliveredShare >= DELIVERED_ENOUGH ? row.cpuPercent : null;
}

/** Medians by viewers and variant, with what can only be said by comparing rows. */
export function fanOutRows(samples: FanOutSample[]): FanOutRow[] {
  const groups = new Map<string, FanOutSample[]>();
  for (const sample of samples) {
    const key = `${sample.viewers} ${sample.variant}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  const rows = [...groups.values()].map(medianRow);
  return rows.map(row => {
    const rivals = rows.filter(other => other.viewers === row.viewers);
    const baseline = rivals.filter(other => other.variant === 'res-write').map(comparableCpu);
    const floors = rivals.filter(other => variants[other.variant].reference).map(comparableCpu);
    const alone = rows.find(other => other.variant === row.variant && other.viewers === 1)?.rssBytes ?? null;
    return {
      ...row,
      rssPerViewerBytes: row.viewers > 1 ? ratio(difference(row.rssBytes, alone), row.viewers - 1) : null,
      cpuToBaseline: ratio(comparableCpu(row), median(baseline)),
      cpuToFloor: ratio(comparableCpu(row), least(floors)),
    };
  });
}

function difference(value: number | null, from: number | null): number | null {
  return value === null || from === null ? null : value - from;
}

function least(values: (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function scaled(value: number | null, unit: number): number | null {
  return value === null ? null : value / unit;
}

/** One line for every row without figures. */
function refusals(rows: { what: string; refused: string | null }[]): string[] {
  return rows.filter(row => row.refused !== null).map(row => `Refused: ${row.what}: ${row.refused}.`);
}

function fanOutTable(results: Results): Table {
  const rows = fanOutRows(results.fanOut);
  const sample =
    results.loadClient === 'typescript'
      ? `Up to ${PARSED_VIEWERS} viewers are checked packet by packet, further ones by bytes and sync bytes.`
      : 'Every viewer is checked packet by packet.';
  return {
    title: 'Fan-out: one stream of 8 Mbit/s to N viewers',
    note: `CPU in percent of one core for the whole process; latency from the engine's stamp to the viewer. ${sample}`,
    header: [
      'variant',
      'viewers',
      'CPU %',
      'CPU : res.write',
      'CPU : floor',
      'p50 ms',
      'p99 ms',
      'RSS MB',
      'KB a viewer',
      'delivered %',
    ],
    rows: rows.map(row => {
      const first = [variants[row.variant].title, String(row.viewers)];
      if (row.refused !== null) return [...first, 'refused', ...Array<string>(7).fill('')];
      return [
        ...first,
        figure(row.cpuPercent),
        figure(row.cpuToBaseline, 2),
        figure(row.cpuToFloor, 2),
        figure(row.p50Ms),
        figure(row.p99Ms),
        figure(scaled(row.rssBytes, BYTES_PER_MB), 0),
        figure(scaled(row.rssPerViewerBytes, BYTES_PER_KB)),
        figure(scaled(row.deliveredShare, 0.01)),
      ];
    }),
    footnotes: refusals(
      rows.map(row => ({ what: `${variants[row.variant].title}, ${row.viewers} viewers`, refused: row.refused })),
    ),
  };
}

function slowViewersTable(results: Results): Table {
  return {
    title: 'Slow viewers: 100 who read, beside some who never do',
    note: 'Figures of those who read; the stalled viewers must not change them.',
    header: ['variant', 'stalled', 'CPU %', 'p50 ms', 'p99 ms', 'lost', 'delivered %', 'least viewer %', 'RSS MB'],
    rows: results.slowViewers.map(sample => {
      const first = [variants[sample.variant].title, String(sample.stalledViewers)];
      if (sample.refused !== null) return [...first, 'refused', ...Array<string>(6).fill('')];
      return [
        ...first,
        figure(sample.cpuPercent),
        figure(sample.load.latencyMs.p50),
        figure(sample.load.latencyMs.p99),
        String(sample.load.lostPackets),
        figure(sample.deliveredShare * 100),
        figure(scaled(sample.leastDeliveredShare, 0.01)),
        figure(sample.rssBytes / BYTES_PER_MB, 0),
      ];
    }),
    footnotes: refusals(
      results.slowViewers.map(({ variant, stalledViewers, refused }) => ({
        what: `${variants[variant].title}, ${stalledViewers} stalled`,
        refused,
      })),
    ),
  };
}

function joinTable(results: Results): Table {
  return {
    title: 'Joining a running stream',
    note: 'One join after another while others watch. A good join begins with PAT, PMT and a random-access point.',
    header: [
      'variant',
      'watching',
      'joins',
      'first byte p50 ms',
      'p99 ms',
      'picture p50 ms',
      'p99 ms',
      'on tables',
      'on picture',
    ],
    rows: results.join.map(sample => [
      variants[sample.variant].title,
      String(sample.watching),
      String(sample.joins),
      figure(percentile(sample.firstByteMs, 0.5)),
      figure(percentile(sample.firstByteMs, 0.99)),
      figure(percentile(sample.firstRandomAccessMs, 0.5)),
      figure(percentile(sample.firstRandomAccessMs, 0.99)),
      String(sample.joinedOnTables),
      String(sample.joinedOnRandomAccess),
    ]),
    footnotes: [],
  };
}

function routesTable(results: Results): Table {
  return {
    title: 'Request routes',
    note: '20 connections, one route at a time.',
    header: ['request', 'requests/s', 'p99 ms', 'non-2xx', 'unexpected'],
    rows: results.routes.map(sample => [
      sample.request,
      figure(sample.requestsPerSecond, 0),
      figure(sample.p99Ms),
      String(sample.non2xx),
      String(sample.unexpected),
    ]),
    footnotes: [],
  };
}

function xtreamTable(results: Results): Table {
  const samples = results.xtream ?? []; // Files of older runs have none.
  const channels = samples[0]?.channels ?? 0;
  return {
    title: `Xtream players, ${channels} channels`,
    note: 'Times are to the first byte of the answer; "while lists are sent" is a login that shares the front with them.',
    header: ['request', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'max ms', 'KB', 'unexpected'],
    rows: samples.map(sample => [
      sample.request,
      String(sample.connections),
      figure(sample.requestsPerSecond),
      figure(sample.p50Ms),
      figure(sample.p99Ms),
      figure(sample.maxMs),
      figure(sample.answerBytes / BYTES_PER_KB),
      String(sample.unexpected),
    ]),
    footnotes: [],
  };
}

/** The tables of whatever was measured. */
export function tables(results: Results): Table[] {
  const all = [fanOutTable(results), slowViewersTable(results), joinTable(results), routesTable(results)];
  all.push(xtreamTable(results));
  return all.filter(table => table.rows.length > 0);
}

/** Where, when and how the figures were taken. */
export function heading(results: Results): string {
  const { machine } = results;
  const client = results.loadClient === 'typescript' ? 'the TypeScript load client' : 'a compiled load client';
  return [
    `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.kernel}, Node ${machine.node}.`,
    `${results.mode} set on ${results.startedAt.slice(0, 10)}, ${results.rounds} round(s), ${results.warmUpMs / 1000} s warm-up,`,
    `${results.windowMs / 1000} s window, ${client}, on the same cores as everything else.`,
  ].join('\n');
}

/** The whole report as Markdown. */
export function markdown(results: Results): string {
  const failures = results.failures.map(failure => `- FAILED: ${failure}`);
  return [heading(results), '', ...failures, ...tables(results).map(asMarkdown)].join('\n');
}
