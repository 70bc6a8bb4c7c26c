/** What a load client reports, whichever one it was. */
import type { Percentiles } from './histogram.ts';

/** Mean and maximum over viewers; null where nothing was measured. */
export interface Spread {
  mean: number | null;
  max: number | null;
}

/** One load over one window. Error counts run from each viewer's join, rates and latencies over the window. */
export interface LoadResult {
  client: 'typescript' | 'binary';
  viewers: number;
  /** How many viewers were checked packet by packet; of the others bytes and sync bytes were checked. */
  parsedViewers: number;
  megabytesPerSecond: number;
  /** The rate of the viewer that got least (null: the client doesn't tell). */
  leastViewerBytesPerSecond: number | null;
  statuses: Record<string, number>;
  silent: number;
  closed: number;
  syncErrors: number;
  continuityErrors: number;
  lostPackets: number;
  repeatedPackets: number;
  gaps: number;
  joinedOnTables: number;
  joinedOnRandomAccess: number;
  latencyMs: Percentiles;
  firstByteMs: Spread;
  firstRandomAccessMs: Spread;
  /** The client itself was the bottleneck: its figures say nothing about the server. */
  clientSaturated: boolean;
  /** Busiest thread's (or process's) share of one core, 0..1. */
  clientBusyShare: number | null;
}

/** What a viewer must never see, however busy the server is; empty when the stream was flawless. */
export function defects(load: LoadResult): string[] {
  const refused = Object.entries(load.statuses).filter(([status]) => status !== '200');
  const found: [number, string][] = [
    [load.lostPackets, 'packets lost'],
    [load.repeatedPackets, 'packets repeated'],
    [load.syncErrors, 'sync errors'],
    [load.continuityErrors, 'continuity errors'],
    [load.closed, 'connections ended by the server'],
    ...refused.map(([status, count]): [number, string] => [count, `answers with status ${status}`]),
  ];
  return found.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}
