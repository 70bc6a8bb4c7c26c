/** Draws a run as a picture of its own: memory and descriptors over time, and what went wrong when. */
import { ENGINE_FAULTS, type FaultKind, isEngineFault } from './fault-kinds.ts';
import type { SoakResults } from './results.ts';
import type { Sample } from './sampler.ts';

interface Line {
  label: string;
  colour: string;
  of: (sample: Sample) => number | null;
}

interface Panel {
  title: string;
  lines: Line[];
}

const MIB = 2 ** 20;
const mib = (bytes: number | null): number | null => (bytes === null ? null : bytes / MIB);

const PANELS: readonly Panel[] = [
  {
    title: 'Memory of the gateway, MiB',
    lines: [
      { label: 'RSS', colour: '#1f5fa8', of: sample => mib(sample.rssBytes) },
      { label: 'packet logs', colour: '#7a9e3b', of: sample => mib(sample.packetLogBytes) },
      { label: 'heap of the front', colour: '#b8860b', of: sample => mib(sample.heapBytes) },
    ],
  },
  {
    title: 'What it holds',
    lines: [
      { label: 'descriptors', colour: '#a23b72', of: sample => sample.descriptors },
      { label: 'viewers served', colour: '#3c8d84', of: sample => sample.served },
      { label: 'engine sessions', colour: '#8a8f98', of: sample => sessionsOf(sample) },
    ],
  },
];

const WIDTH = 960;
const LEFT = 56;
const RIGHT = 16;
const PANEL_HEIGHT = 170;
const PANEL_GAP = 52;
const TOP = 72;
const LANE_HEIGHT = 26;
const TEXT_STYLE = 'font-family="system-ui, sans-serif" font-size="12" fill="#333"';

function sessionsOf(sample: Sample): number {
  return sample.engineSessions.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(content)}</text>`;
}

/** A round number of which four or so make up the range. */
export function stepFor(range: number): number {
  const rough = Math.max(range, 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find(factor => factor * power >= rough) ?? 10);
}

/** The points of a line; it is interrupted where nothing was measured. */
function path(points: readonly (readonly [x: number, y: number | null])[]): string {
  let pen = 'M';
  const parts: string[] = [];
  for (const [x, y] of points) {
    if (y !== null) parts.push(`${pen}${x.toFixed(1)} ${y.toFixed(1)}`);
    pen = y === null ? 'M' : 'L';
  }
  return parts.join('');
}

function panel({ title, lines }: Panel, top: number, samples: readonly Sample[], x: (ms: number) => number): string {
  const values = samples.flatMap(sample => lines.map(line => line.of(sample) ?? 0));
  const step = stepFor(Math.max(1, ...values));
  const most = Math.ceil(Math.max(1, ...values) / step) * step;
  const y = (value: number): number => top + PANEL_HEIGHT * (1 - value / most);
  const parts = [text(LEFT, top - 10, title, 'font-weight="600"')];
  for (let value = 0; value <= most; value += step) {
    const at = y(value).toFixed(1);
    parts.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#e3e5e8"/>`);
    parts.push(text(LEFT - 8, y(value) + 4, String(value), 'text-anchor="end"'));
  }
  lines.forEach(({ label, colour, of }, i) => {
    const points = samples.map(sample => {
      const value = of(sample);
      return [x(sample.atMs), value === null ? null : y(value)] as const;
    });
    parts.push(`<path d="${path(points)}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linejoin="round"/>`);
    const at = LEFT + 250 + i * 150;
    parts.push(`<path d="M${at} ${top - 14}h18" stroke="${colour}" stroke-width="3"/>`, text(at + 24, top - 10, label));
  });
  return parts.join('\n');
}

function faultLane(results: SoakResults, top: number, x: (ms: number) => number): string {
  const tick = (kind: FaultKind, atMs: number, forMs: number): string => {
    const [height, colour] = isEngineFault(kind) ? [LANE_HEIGHT, '#c0392b'] : [LANE_HEIGHT / 2, '#7f8896'];
    const width = Math.max(1, x(atMs + forMs) - x(atMs));
    const place = `x="${x(atMs).toFixed(1)}" y="${top + LANE_HEIGHT - height}"`;
    return `<rect ${place} width="${width.toFixed(1)}" height="${height}" fill="${colour}" fill-opacity="0.6"/>`;
  };
  const engineFaults = results.faults.filter(({ kind }) => isEngineFault(kind)).length;
  const title = `Faults: ${results.faults.length - engineFaults} of contents (low), ${engineFaults} of engines (high: ${ENGINE_FAULTS.join(', ')})`;
  const ticks = results.faults.map(({ kind, atMs, forMs }) => tick(kind, atMs, forMs));
  return [text(LEFT, top - 8, title, 'font-weight="600"'), ...ticks].join('\n');
}

function timeAxis(top: number, endMs: number, x: (ms: number) => number): string {
  const minutes = endMs / 60_000;
  const step = stepFor(minutes * 0.5);
  const parts: string[] = [];
  for (let i = 0; i * step <= minutes; i++)
    parts.push(text(x(i * step * 60_000), top, `${Number((i * step).toFixed(2))} min`, 'text-anchor="middle"'));
  return parts.join('\n');
}

/** The samples, and as a last one what was left when everybody had gone. */
function pointsOf({ samples, aftermath, watchedMs }: SoakResults): Sample[] {
  const last = samples.at(-1);
  if (aftermath === null || last === undefined) return samples;
  const { figures, engineSessions, settledAfterMs } = aftermath;
  const unknown = { heapBytes: null, externalBytes: null, packetLogBytes: null, streams: null, readers: null };
  return [...samples, { ...last, ...figures, ...unknown, engineSessions, served: 0, atMs: watchedMs + settledAfterMs }];
}

/** The curve of a run as a self-contained SVG. */
export function drawCurve(results: SoakResults): string {
  const { options } = results;
  const points = pointsOf(results);
  const endMs = Math.max(results.watchedMs, points.at(-1)?.atMs ?? 1);
  const x = (ms: number): number => LEFT + (Math.min(ms, endMs) / endMs) * (WIDTH - LEFT - RIGHT);
  const laneTop = TOP + PANELS.length * (PANEL_HEIGHT + PANEL_GAP);
  const height = laneTop + LANE_HEIGHT + 32;
  const title = `${options.streams} streams × ${options.viewers} viewers, ${options.engines} engines, ${(results.watchedMs / 60_000).toFixed(1)} minutes, seed ${options.seed}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<g ${TEXT_STYLE}>`,
    text(LEFT, 28, title, 'font-size="15"'),
    ...PANELS.map((each, i) => panel(each, TOP + i * (PANEL_HEIGHT + PANEL_GAP), points, x)),
    faultLane(results, laneTop, x),
    timeAxis(laneTop + LANE_HEIGHT + 20, endMs, x),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}
