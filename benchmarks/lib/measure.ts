/** One measurement: a fresh engine and a fresh server, viewers, a warm-up, a window, and everything stopped again. */
import { startBinaryLoad } from './load-binary.ts';
import { type RunningLoad, startLoad } from './load-client.ts';
import { defects, type LoadResult } from './load-result.ts';
import { busyShare, coreTimes } from './machine.ts';
import { cpuPercent, usage } from './process.ts';
import { type Server, STREAM_BITS_PER_SECOND, startEngine, type Variant } from './servers.ts';
import { JOIN_OVER_MS, PARSED_VIEWERS } from './settings.ts';
import type { StreamAddress } from './viewer.ts';
import { sleep } from './wait.ts';

/** A server that sends less than this share of what is due has fallen behind. */
export const DELIVERED_ENOUGH = 0.97;
/**
 * A server this busy may not have come round to everybody who joined (but to most of them: else it is broken). One thread that has to share its core never gets
 * all of it, so this is well below 100 %.
 */
const OVERLOADED_CPU_PERCENT = 75;

export interface Measured {
  cpuPercent: number;
  rssBytes: number;
  deliveredShare: number;
  /** Share of all cores in use, by whatever program. */
  machineBusyShare: number;
  load: LoadResult;
}

export interface Window {
  viewers: number;
  warmUpMs: number;
  windowMs: number;
}

/** Runs `work` against a fresh engine and a fresh server, and stops both whatever happens. */
export async function withServer<T>(variant: Variant, work: (server: Server) => Promise<T>): Promise<T> {
  const engine = await startEngine();
  try {
    const server = await variant.start(engine.ready);
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  } finally {
    await engine.stop();
  }
}

/** Lets viewers join, warms up, then reads the server's processor time and memory over the window. */
export async function measure(server: Server, window: Window): Promise<Measured> {
  const load = openLoad(server.address, window);
  await sleep(window.warmUpMs);
  load.measure();
  const coresBefore = coreTimes();
  const before = usage(server.pid);
  await sleep(window.windowMs);
  const after = usage(server.pid);
  const coresAfter = coreTimes();
  const result = await load.finish();
  return {
    cpuPercent: cpuPercent(before, after),
    rssBytes: after.rssBytes,
    deliveredShare: (result.megabytesPerSecond * 8e6) / (STREAM_BITS_PER_SECOND * window.viewers),
    machineBusyShare: busyShare(coresBefore, coresAfter),
    load: result,
  };
}

/** The compiled load client, if the environment names one. */
export function loadBinary(): string | null {
  return process.env.BENCH_LOAD_BINARY || null;
}

function openLoad(address: StreamAddress, window: Window): RunningLoad {
  const joinOverMs = Math.min(JOIN_OVER_MS, window.warmUpMs / 2);
  const binary = loadBinary();
  return binary === null
    ? startLoad({ address, viewers: window.viewers, joinOverMs, parsedViewers: PARSED_VIEWERS })
    : startBinaryLoad({ binary, address, joinOverMs, ...window });
}

/** Why a measurement must not be reported, and whether the streams themselves were at fault. */
export interface Verdict {
  refused: string | null;
  failure: string | null;
}

/** Judges a measurement: broken streams are failures, a bottleneck of another kind only voids the figures. */
export function judge(reference: boolean, measured: Measured): Verdict {
  const { cpuPercent, deliveredShare, load } = measured;
  const saturated = load.clientSaturated ? 'the load client was the bottleneck' : null;
  if (reference) {
    const dropped = deliveredShare < DELIVERED_ENOUGH ? 'dropped bytes, so it did less work' : null;
    return { refused: dropped ?? saturated, failure: null };
  }
  const broken = defects(load);
  const waiting = load.silent > 0 ? `${load.silent} viewers without a byte` : null;
  const overloaded = cpuPercent > OVERLOADED_CPU_PERCENT && load.silent < load.viewers / 2;
  if (broken.length === 0 && waiting !== null && overloaded) {
    return { refused: `overloaded (${cpuPercent.toFixed(0)} % CPU): ${waiting}`, failure: null };
  }
  const failure = [...broken, ...(waiting === null ? [] : [waiting])].join(', ') || null;
  return { refused: failure ?? saturated, failure };
}
