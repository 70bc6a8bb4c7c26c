/** The benchmarks' command line: measures, prints tables, keeps the raw values, fails when a stream was broken. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from './lib/machine.ts';
import { loadBinary } from './lib/measure.ts';
import type { Results, ScenarioResults } from './lib/results.ts';
import { VARIANTS } from './lib/servers.ts';
import { type Mode, SCENARIOS, type ScenarioName, type Settings, timings } from './lib/settings.ts';
import { asText } from './lib/table.ts';
import { heading, markdown, tables } from './report.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { join } from './scenarios/join.ts';
import { requestRoutes } from './scenarios/routes.ts';
import { slowViewers } from './scenarios/slow-viewers.ts';
import { xtreamPlayers } from './scenarios/xtream.ts';

const HELP = `npm run bench -- [options]

  (none)               the short set, under four minutes
  --full               every variant, three rounds, longer windows
  --smoke              under 30 seconds; fails on broken streams only, never on timing
  --only a,b           these scenarios: ${SCENARIOS.join(', ')}
  --viewers 1,10       these numbers of viewers (fan-out)
  --variants a,b       these variants: ${VARIANTS.join(', ')}
  --rounds n           so many rounds (fan-out)
  --out file.json      keep the raw values there (default: benchmarks/results/)
  --report file.json   print the Markdown tables of an earlier run and measure nothing

  BENCH_LOAD_BINARY    a compiled load client to use in place of ours
  BENCH_FLOOR_BINARY   a compiled floor to hold everything against
`;

const runners: Record<ScenarioName, (settings: Settings) => Promise<ScenarioResults>> = {
  'fan-out': fanOut,
  'slow-viewers': slowViewers,
  join,
  routes: requestRoutes,
  xtream: xtreamPlayers,
};

function options() {
  return parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      only: { type: 'string' },
      viewers: { type: 'string' },
      variants: { type: 'string' },
      rounds: { type: 'string' },
      out: { type: 'string' },
      report: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

/** Splits a list and insists that each entry is known. */
function listOf<T extends string>(option: string, value: string, known: readonly T[]): T[] {
  return value.split(',').map(name => {
    const found = known.find(candidate => candidate === name.trim());
    if (found === undefined) throw new Error(`--${option}: '${name}' is none of ${known.join(', ')}`);
    return found;
  });
}

function countOf(option: string, value: string): number {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${option}: '${value}' is not a whole number above 0`);
  return count;
}

function settingsFrom(given: ReturnType<typeof options>): Settings {
  const mode: Mode = given.full ? 'full' : given.smoke ? 'smoke' : 'short';
  const timing = timings[mode];
  return {
    ...timing,
    mode,
    scenarios: given.only === undefined ? timing.scenarios : listOf('only', given.only, SCENARIOS),
    only: given.variants === undefined ? null : listOf('variants', given.variants, VARIANTS),
    viewers: given.viewers?.split(',').map(value => countOf('viewers', value)) ?? timing.viewers,
    rounds: given.rounds === undefined ? timing.rounds : countOf('rounds', given.rounds),
    log: line => console.log(`  ${line}`),
  };
}

async function run(settings: Settings): Promise<Results> {
  const startedAtMs = Date.now();
  const results: Results = {
    format: 1,
    mode: settings.mode,
    startedAt: new Date(startedAtMs).toISOString(),
    durationMs: 0,
    machine: describeMachine(),
    rounds: settings.rounds,
    warmUpMs: settings.warmUpMs,
    windowMs: settings.windowMs,
    loadClient: loadBinary() === null ? 'typescript' : 'binary',
    fanOut: [],
    slowViewers: [],
    join: [],
    routes: [],
    xtream: [],
    failures: [],
  };
  for (const name of settings.scenarios) {
    const { failures, ...samples } = await runners[name](settings);
    Object.assign(results, samples);
    results.failures.push(...failures);
  }
  results.durationMs = Date.now() - startedAtMs;
  return results;
}

/** Beside the sources, not beside the compiled files, which every build removes. */
function defaultOutput(results: Results): string {
  const folder = fileURLToPath(new URL('../../benchmarks/results/', import.meta.url));
  return path.join(folder, `${results.startedAt.replaceAll(':', '-').slice(0, 19)}-${results.mode}.json`);
}

async function main(): Promise<void> {
  const given = options();
  if (given.help) return console.log(HELP);
  if (given.report !== undefined) {
    return console.log(markdown(JSON.parse(await readFile(given.report, 'utf8')) as Results));
  }
  if (process.platform !== 'linux') throw new Error('processor time is read from /proc: the benchmarks need Linux');
  const results = await run(settingsFrom(given));
  const file = given.out ?? defaultOutput(results);
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`\n${heading(results)}\n`);
  for (const table of tables(results)) console.log(asText(table));
  console.log(`${(results.durationMs / 1000).toFixed(0)} s; raw values: ${file}`);
  for (const failure of results.failures) console.error(`FAILED: ${failure}`);
  if (results.failures.length > 0) process.exitCode = 1;
}

process.once('SIGINT', () => process.exit(130)); // leaving ends the started programs
process.once('SIGTERM', () => process.exit(143));
main().catch((error: unknown) => {
  console.error(error instanceof Error ? `benchmark: ${error.message}` : error);
  process.exit(1);
});
