import type { ShardSettings } from '../shared/protocol.ts';
import type { Config } from './load.ts';

/** The part of the configuration that shards follow. */
export function shardSettings(config: Config): ShardSettings {
  return {
    staleClientTimeoutMs: config.staleClientTimeoutMs,
    flushBudgetMs: config.flushBudgetMs,
    zeroCopy: config.zeroCopy,
    logMs: config.logMs,
    logBytes: config.logBytes,
    noResponseTimeoutMs: config.acestreamNoResponseTimeoutMs,
    startTimeoutMs: config.startTimeoutMs ?? config.acestreamTimeoutMs,
    startStalledTimeoutMs: config.startStalledTimeoutMs,
    emptyTimeoutMs: config.acestreamEmptyTimeoutMs,
    stallTimeoutMs: config.stallTimeoutMs,
    recoveryTimeoutMs: config.recoveryTimeoutMs,
    lingerMs: config.lingerMs,
    slate: config.slate,
    httpTimeoutMs: config.httpTimeoutMs,
    allowPrivateSources: config.allowPrivateSources,
  };
}
