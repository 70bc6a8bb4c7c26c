/** A soak run's results as they are kept in a file: the curve and the report can be made again from them. */
import type { Machine } from '../lib/machine.ts';
import type { RoleCounts } from './audience.ts';
import type { FaultKind } from './fault-kinds.ts';
import type { SoakOptions } from './options.ts';
import type { PlannedFault } from './plan.ts';
import type { ProcessFigures, Sample } from './sampler.ts';
import type { Disconnect } from './seat.ts';

/** A fault that was inflicted, by the clock of the samples. */
export type InflictedFault = Pick<PlannedFault, 'atMs' | 'kind' | 'forMs'>;

/** What was left when everybody had gone. */
export interface Aftermath {
  figures: ProcessFigures;
  engineSessions: (number | null)[];
  /** How long it took until nothing was left, or until the wait was given up. */
  settledAfterMs: number;
}

/** Everything about one run. */
export interface SoakResults {
  format: 1;
  startedAt: string;
  machine: Machine;
  options: SoakOptions;
  /** From the first viewer to the last. */
  watchedMs: number;
  /** The gateway's figures before the first viewer. */
  base: ProcessFigures;
  samples: Sample[];
  faults: InflictedFault[];
  /** Faults whose engine was just then out of reach. */
  missedFaults: number;
  roles: RoleCounts[];
  disconnects: Disconnect[];
  /** May be more than are listed. */
  disconnectCount: number;
  /** Viewers without a packet of their stream although no fault was on any more. */
  starving: number;
  /** Sessions that nobody stopped, so that the engine had to end them. */
  expiredSessions: number;
  /** Null when the gateway did not live to see it. */
  aftermath: Aftermath | null;
  /** What broke the run itself off; null when it came to its end. */
  brokenOff: string | null;
}

/** How often each kind was inflicted. */
export function faultCounts(faults: readonly InflictedFault[]): Map<FaultKind, number> {
  const counts = new Map<FaultKind, number>();
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
