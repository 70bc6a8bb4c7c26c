import type { ShardSettings } from '../../../src/shared/protocol.ts';

/** What a shard follows where a test doesn't say otherwise: nothing times out by itself, and nothing is dropped. */
export const SHARD_SETTINGS: ShardSettings = {
  staleClientTimeoutMs: 30_000,
  flushBudgetMs: 0,
  zeroCopy: false,
  logMs: 1e9,
  logBytes: 100 << 20,
  noResponseTimeoutMs: 1_000,
  startTimeoutMs: 1_000,
  startStalledTimeoutMs: 1_000,
  emptyTimeoutMs: 1_000,
  stallTimeoutMs: 1_000,
  recoveryTimeoutMs: 1_000,
  lingerMs: 0,
  slate: false,
  httpTimeoutMs: 1_000,
  allowPrivateSources: true,
};
