import type { Contents } from './contents.ts';
import type { Counts } from './counts.ts';
import type { EngineOptions } from './options.ts';
import type { Paced, Pacer } from './pacer.ts';
import type { Sessions } from './sessions.ts';

/** Faults of the whole engine; each is off when absent or false. The control API answers under all of them. */
export interface GlobalFaults {
  /** Connections are taken and closed without an answer. */
  down?: boolean;
  /** Requests are taken and never answered. */
  hang?: boolean;
  /** Every request gets 503. */
  status503?: boolean;
  /** URLs in answers name this host and port instead of the request's own; an empty string switches it off. */
  wrongHost?: string;
  /** `get_network_connection_status` says there is no network. */
  networkDisconnected?: boolean;
}

/** What all routes of one engine share. */
export interface EngineState {
  readonly options: EngineOptions;
  readonly contents: Contents;
  readonly sessions: Sessions;
  readonly counts: Counts;
  readonly pacer: Pacer;
  readonly global: GlobalFaults;
  /** Readers of `/raw`. */
  readonly rawReaders: Set<Paced>;
  /** Aborted when the engine closes: ends every simulated delay. */
  readonly closing: AbortController;
  /** Resets every connection but those of the control API. */
  cutConnections(): void;
}
