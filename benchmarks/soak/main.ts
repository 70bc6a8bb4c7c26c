/** The soak run's command line: runs it, writes samples, curve and report, fails when anything is left or lost. */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawCurve } from './curve.ts';
import { HELP, readOptions, type SoakOptions } from './options.ts';
import { reportMarkdown, reportText } from './report.ts';
import { soak } from './run.ts';
import { judge } from './verdict.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;
/** Starting, settling and stopping take so much at most; a run that takes longer is stuck. */
const SPARE_MS = 5 * 60_000;

/** Beside the sources, not beside the compiled files, which every build removes. */
function defaultFolder(): string {
  const results = fileURLToPath(new URL('../../../benchmarks/results/', import.meta.url));
  return path.join(results, `soak-${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}`);
}

/** The first signal breaks the run off and keeps what there is; a second one leaves at once. */
function interruptible(): AbortSignal {
  const interrupted = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interrupted.signal.aborted) process.exit(EXIT_INTERRUPTED); // leaving ends the started programs
    interrupted.abort(new Error(`interrupted by ${signal}`));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return interrupted.signal;
}

async function run(options: SoakOptions, signal: AbortSignal): Promise<void> {
  const folder = path.resolve(options.out ?? defaultFolder());
  await mkdir(folder, { recursive: true });
  console.log(`seed ${options.seed}; results: ${folder}`);
  const log = createWriteStream(path.join(folder, 'gateway.log'));
  const results = await soak({ options, log, progress: line => console.log(line), signal }).finally(() => log.end());
  await writeFile(path.join(folder, 'samples.json'), `${JSON.stringify(results)}\n`);
  await writeFile(path.join(folder, 'curve.svg'), drawCurve(results));
  await writeFile(path.join(folder, 'report.md'), reportMarkdown(results));
  console.log(`\n${reportText(results)}`);
  const failed = judge(results).filter(({ passed }) => !passed);
  for (const { what, found, bound } of failed) console.error(`FAILED: ${what}: ${found} (bound: ${bound})`);
  if (failed.length > 0) process.exitCode = signal.aborted ? EXIT_INTERRUPTED : EXIT_FAILED;
}

function optionsOrExit(): SoakOptions | null {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exit(EXIT_USAGE);
  }
}

async function main(): Promise<void> {
  const options = optionsOrExit();
  if (options === null) return console.log(HELP);
  if (process.platform !== 'linux') throw new Error('memory and descriptors are read from /proc: this needs Linux');
  setTimeout(
    () => {
      console.error('soak: the run is stuck');
      process.exit(EXIT_FAILED);
    },
    options.minutes * 60_000 + SPARE_MS,
  ).unref();
  await run(options, interruptible());
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? `soak: ${error.message}` : error);
  process.exit(EXIT_FAILED);
});
