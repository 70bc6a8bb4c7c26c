/** A run's results as they are kept in a file: raw values, so that every table can be made again from it. */
import type { LoadResult } from './load-result.ts';
import type { Machine } from './machine.ts';
import type { VariantName } from './servers.ts';
import type { Mode } from './settings.ts';

/** One variant, one number of viewers, one window, in a process of its own. */
export interface FanOutSample {
  variant: VariantName;
  viewers: number;
  round: number;
  /** Processor time of the server in percent of one core. */
  cpuPercent: number;
  rssBytes: number;
  /** Bytes delivered over bytes due: below 1 the server fell behind. */
  deliveredShare: number;
  /** Share of all cores in use, by whatever program. */
  machineBusyShare: number;
  load: LoadResult;
  /** Why this sample must not be reported; null when it may. */
  refused: string | null;
}

/** As above, for viewers who do read, beside some who never do. */
export interface SlowViewersSample {
  variant: VariantName;
  stalledViewers: number;
  cpuPercent: number;
  rssBytes: number;
  deliveredShare: number;
  /** The same for the healthy viewer who got least. */
  leastDeliveredShare: number | null;
  machineBusyShare: number;
  load: LoadResult;
  refused: string | null;
}

/** Viewers joining a running stream one after another. */
export interface JoinSample {
  variant: VariantName;
  watching: number;
  joins: number;
  firstByteMs: number[];
  firstRandomAccessMs: number[];
  joinedOnTables: number;
  joinedOnRandomAccess: number;
  /** Joins that saw no random-access packet in time. */
  late: number;
  /** What joiners and watchers must not see. */
  defects: string[];
}

/** One request route under load. */
export interface RouteSample {
  request: string;
  expectedStatus: number;
  requestsPerSecond: number;
  p99Ms: number;
  answered: number;
  non2xx: number;
  /** Answers with another status than expected, and requests without an answer. */
  unexpected: number;
}

/** One request of an Xtream player against a large catalogue. */
export interface XtreamSample {
  request: string;
  channels: number;
  connections: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Size of one answer as it was sent. */
  answerBytes: number;
  /** Answers with another status than 200, and requests without an answer. */
  unexpected: number;
}

export interface Results {
  format: 1;
  mode: Mode;
  startedAt: string;
  durationMs: number;
  machine: Machine;
  rounds: number;
  warmUpMs: number;
  windowMs: number;
  loadClient: 'typescript' | 'binary';
  fanOut: FanOutSample[];
  slowViewers: SlowViewersSample[];
  join: JoinSample[];
  routes: RouteSample[];
  xtream: XtreamSample[];
  /** What was wrong with the streams themselves; a run with any of these fails. */
  failures: string[];
}

/** The part of the results that one scenario adds. */
export type ScenarioResults = Partial<Pick<Results, 'fanOut' | 'slowViewers' | 'join' | 'routes' | 'xtream'>> & {
  failures: string[];
};
