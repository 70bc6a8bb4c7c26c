/** The command line of a soak run. */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultKind } from './fault-kinds.ts';

/** What a run does. */
export interface SoakOptions {
  minutes: number;
  streams: number;
  viewers: number;
  engines: number;
  seed: number;
  kinds: FaultKind[];
  /** Configuration of the gateway on top of the run's own. */
  settings: Record<string, string>;
  /** Folder of the results; null for one named after the time. */
  out: string | null;
}

export const HELP = `npm run soak -- [options]

  --minutes n      how long viewers watch (15); at least 1
  --streams n      streams at once (20)
  --viewers n      viewers of each stream (5)
  --engines n      stand-in engines (3)
  --seed n         repeats the plan of an earlier run
  --kinds a,b      only these faults: ${FAULT_KINDS.join(', ')}; or none
  --set KEY=value  configuration of the gateway; may be given several times
  --out folder     keep the results there (default: benchmarks/results/soak-<time>/)
`;

const MAX_SEED = 2 ** 31 - 1;

function number(option: string, value: string, least: number, most: number, whole = true): number {
  const found = Number(value);
  const fits = value.trim() !== '' && found >= least && found <= most && (!whole || Number.isInteger(found));
  if (!fits)
    throw new Error(`--${option}: '${value}' is not a ${whole ? 'whole ' : ''}number from ${least} to ${most}`);
  return found;
}

function kindsOf(value: string): FaultKind[] {
  if (value === 'none') return [];
  return value.split(',').map(name => {
    const found = FAULT_KINDS.find(kind => kind === name.trim());
    if (found === undefined) throw new Error(`--kinds: '${name}' is none of ${FAULT_KINDS.join(', ')}`);
    return found;
  });
}

function settingsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const [, key, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(pair) ?? [];
      if (key === undefined || value === undefined) throw new Error(`--set: '${pair}' is not KEY=value`);
      return [key, value];
    }),
  );
}

/** Reads the arguments. @returns null when only help is wanted @throws Error naming the option that makes no sense */
export function readOptions(args: string[]): SoakOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '15' },
      streams: { type: 'string', default: '20' },
      viewers: { type: 'string', default: '5' },
      engines: { type: 'string', default: '3' },
      seed: { type: 'string' },
      kinds: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    minutes: number('minutes', values.minutes, 1, 24 * 60, false),
    streams: number('streams', values.streams, 1, 1_000),
    viewers: number('viewers', values.viewers, 1, 1_000),
    engines: number('engines', values.engines, 1, 20),
    seed: values.seed === undefined ? Math.floor(Math.random() * MAX_SEED) : number('seed', values.seed, 0, MAX_SEED),
    kinds: values.kinds === undefined ? [...FAULT_KINDS] : kindsOf(values.kinds),
    settings: settingsOf(values.set),
    out: values.out ?? null,
  };
}
