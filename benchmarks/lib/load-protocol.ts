/** What the load client and its worker threads say to each other. */
import type { StreamAddress } from './viewer.ts';

/** A worker's share of the load, given at its start. */
export interface WorkerPlan {
  address: StreamAddress;
  /** One entry a viewer, in joining order. */
  viewers: { joinAfterMs: number; parsed: boolean }[];
}

/** To a worker: begin the measuring window; end it and report. */
export type LoadCommand = { type: 'measure' } | { type: 'report' };

/** What a worker saw: counters since its viewers joined, rates and latencies from the measuring window only. */
export interface WorkerReport {
  /** Length of the measuring window by the worker's own clock. */
  windowMs: number;
  /** Bytes of each viewer inside the window. */
  windowBytes: number[];
  latency: { steps: Uint32Array; count: number; maxMs: number };
  statuses: Record<string, number>;
  /** Viewers that never received a byte, and such whose connection the server ended. */
  silent: number;
  closed: number;
  /** Viewers checked packet by packet; the six sums below it are over these, `syncErrors` is over all. */
  parsedViewers: number;
  syncErrors: number;
  continuityErrors: number;
  lostPackets: number;
  repeatedPackets: number;
  gaps: number;
  joinedOnTables: number;
  joinedOnRandomAccess: number;
  firstByteMs: number[];
  firstRandomAccessMs: number[];
  /** Share of the window that the thread was busy, and its longest event-loop delay. */
  busyShare: number;
  longestDelayMs: number;
}
