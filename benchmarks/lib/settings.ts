/** What one run measures: which scenarios, with whom, how often and for how long. */
import type { VariantName } from './servers.ts';

export const SCENARIOS = ['fan-out', 'slow-viewers', 'join', 'routes', 'xtream'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];
export type Mode = 'short' | 'full' | 'smoke';

export interface Settings {
  mode: Mode;
  scenarios: ScenarioName[];
  /** Variants the user asked for; null leaves the choice to each scenario. */
  only: VariantName[] | null;
  viewers: number[];
  rounds: number;
  warmUpMs: number;
  windowMs: number;
  /** Where progress goes, a line at a time. */
  log: (line: string) => void;
}

/** Joins are spread over this time, or over the warm-up where that is shorter. */
export const JOIN_OVER_MS = 1_000;

/** How many viewers of a load are checked packet by packet; of the others bytes and sync bytes are checked. */
export const PARSED_VIEWERS = 100;

type Timing = Pick<Settings, 'scenarios' | 'viewers' | 'rounds' | 'warmUpMs' | 'windowMs'>;

export const timings: Readonly<Record<Mode, Timing>> = {
  short: {
    scenarios: [...SCENARIOS],
    viewers: [1, 10, 50, 100, 400, 1000],
    rounds: 1,
    warmUpMs: 3_000,
    windowMs: 3_000,
  },
  full: {
    scenarios: [...SCENARIOS],
    viewers: [1, 10, 50, 100, 400, 1000],
    rounds: 3,
    warmUpMs: 4_000,
    windowMs: 8_000,
  },
  smoke: { scenarios: ['fan-out'], viewers: [1, 10], rounds: 1, warmUpMs: 1_500, windowMs: 1_000 },
};

/** The variants a scenario runs: what was asked for, else its own choice for the mode. */
export function chosenVariants(settings: Settings, own: VariantName[]): VariantName[] {
  return settings.only ?? own;
}
