/** Turns a soak run's results into tables. */
import { asMarkdown, asText, figure, type Table } from '../lib/table.ts';
import { FAULT_KINDS } from './fault-kinds.ts';
import { faultCounts, type SoakResults } from './results.ts';
import { judge } from './verdict.ts';

const MIB = 2 ** 20;
/** Enough to see what they have in common. */
const LISTED_DISCONNECTS = 20;

function verdictTable(results: SoakResults): Table {
  return {
    title: 'What must hold',
    note: 'Figures at the end are from when everybody had left and the streams had lingered.',
    header: ['what', 'found', 'bound', 'passed'],
    rows: judge(results).map(({ what, found, bound, passed }) => [what, found, bound, passed ? 'yes' : 'NO']),
    footnotes: [],
  };
}

function viewersTable(results: SoakResults): Table {
  return {
    title: 'Viewers',
    note: 'Steady ones lose only what the engines fail to deliver. A step back is the start burst of an engine that was opened anew.',
    header: [
      'viewers',
      'seats',
      'visits',
      'GB',
      'lost packets',
      'gaps',
      'steps back',
      'announced jumps',
      'unannounced',
      'refusals',
      'longest silence s',
    ],
    rows: results.roles.map(role => [
      role.role,
      String(role.seats),
      String(role.visits),
      figure(role.bytes / 1e9, 2),
      String(role.lostPackets),
      String(role.gaps),
      String(role.stepsBack),
      String(role.discontinuities),
      String(role.continuityErrors),
      String(role.refusals),
      figure(role.longestSilenceMs / 1000),
    ]),
    footnotes: [],
  };
}

function holdingsTable({ base, samples, aftermath }: SoakResults): Table {
  const most = (pick: (sample: SoakResults['samples'][number]) => number): number =>
    samples.reduce((greatest, sample) => Math.max(greatest, pick(sample)), 0);
  const settled = aftermath === null ? '' : `, which took ${figure(aftermath.settledAfterMs / 1000)} s`;
  return {
    title: 'What the gateway held',
    note: `Before the first viewer, at most while they watched, and when all had left and everything was settled${settled}.`,
    header: ['of', 'before', 'most', 'after'],
    rows: [
      [
        'RSS, MiB',
        figure(base.rssBytes / MIB, 0),
        figure(most(sample => sample.rssBytes) / MIB, 0),
        figure(aftermath && aftermath.figures.rssBytes / MIB, 0),
      ],
      [
        'descriptors',
        String(base.descriptors),
        String(most(sample => sample.descriptors)),
        figure(aftermath?.figures.descriptors ?? null, 0),
      ],
      [
        'threads',
        String(base.threads),
        String(most(sample => sample.threads)),
        figure(aftermath?.figures.threads ?? null, 0),
      ],
    ],
    footnotes: [],
  };
}

function faultsTable({ faults, missedFaults, expiredSessions }: SoakResults): Table {
  const counts = faultCounts(faults);
  const footnotes = [];
  if (missedFaults > 0) footnotes.push(`${missedFaults} more met an engine that was down.`);
  if (expiredSessions > 0)
    footnotes.push(`${expiredSessions} sessions were never stopped, so that the engine ended them after a minute.`);
  return {
    title: 'Faults',
    note: 'What each does: benchmarks/soak/fault-kinds.ts and the page on the stand-in engine.',
    header: ['fault', 'times'],
    rows: FAULT_KINDS.flatMap(kind => (counts.has(kind) ? [[kind, String(counts.get(kind))]] : [])),
    footnotes,
  };
}

function disconnectsTable({ disconnects, disconnectCount }: SoakResults): Table {
  const listed = disconnects.slice(0, LISTED_DISCONNECTS);
  const more = disconnectCount - listed.length;
  return {
    title: 'Disconnects',
    note: 'Viewers who lost their connection, or never got one, although they wanted to stay.',
    header: ['at s', 'stream', 'viewer', 'reason'],
    rows: listed.map(({ atMs, stream, role, reason }) => [figure(atMs / 1000), String(stream), role, reason]),
    footnotes: more > 0 ? [`And ${more} more.`] : [],
  };
}

function tables(results: SoakResults): Table[] {
  const all = [
    verdictTable(results),
    viewersTable(results),
    holdingsTable(results),
    faultsTable(results),
    disconnectsTable(results),
  ];
  return all.filter(table => table.rows.length > 0);
}

function heading({ machine, options, startedAt, watchedMs }: SoakResults): string {
  const { streams, viewers, engines, seed, settings } = options;
  const set = Object.entries(settings).map(([key, value]) => `, ${key}=${value}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.kernel}, Node ${machine.node}.`,
    `${streams} streams × ${viewers} viewers, ${engines} engines, ${figure(watchedMs / 60_000)} minutes on ${startedAt.slice(0, 10)}, seed ${seed}${set.join('')}.`,
  ].join('\n');
}

/** The report for a terminal. */
export function reportText(results: SoakResults): string {
  return [heading(results), '', ...tables(results).map(asText)].join('\n');
}

/** The report as Markdown, with the curve beside it. */
export function reportMarkdown(results: SoakResults): string {
  return [
    heading(results),
    '',
    '![Memory, descriptors and faults over time](curve.svg)',
    '',
    ...tables(results).map(asMarkdown),
  ].join('\n');
}
