/** What the gateway and the engines hold at one moment, seen from outside. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Engines } from './engines.ts';
import { ask } from './http.ts';

/** Figures from /proc. */
export interface ProcessFigures {
  rssBytes: number;
  descriptors: number;
  threads: number;
}

/** Figures from the gateway's metrics; null where it doesn't offer or, just then, answer them. */
export interface GatewayFigures {
  /** Heap of the front thread. */
  heapBytes: number | null;
  externalBytes: number | null;
  packetLogBytes: number | null;
  streams: number | null;
  readers: number | null;
  leases: number | null;
}

/** Everything at one moment of a run. */
export interface Sample extends ProcessFigures, GatewayFigures {
  /** Since the first viewer came. */
  atMs: number;
  /** Sessions at each engine; null for one that is down. */
  engineSessions: (number | null)[];
  /** Viewers who get their stream, by their own account. */
  served: number;
}

/** Reads memory, descriptors and threads of a process (Linux). */
export function processFigures(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return {
    rssBytes: field('VmRSS') * 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: field('Threads'),
  };
}

/** The sum of a metric over its labels; null when there is none. */
export function metricSum(text: string, name: string): number | null {
  const rows = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  return rows.length === 0 ? null : rows.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Asks the gateway for its metrics. */
export async function gatewayFigures(origin: string): Promise<GatewayFigures> {
  const text = await ask(`${origin}/metrics`).catch(() => '');
  return {
    heapBytes: metricSum(text, 'nodejs_heap_size_used_bytes'),
    externalBytes: metricSum(text, 'nodejs_external_memory_bytes'),
    packetLogBytes: metricSum(text, 'sluice_packet_log_bytes'),
    streams: metricSum(text, 'sluice_streams'),
    readers: metricSum(text, 'sluice_readers'),
    leases: metricSum(text, 'sluice_engine_sessions'),
  };
}

/** Sessions that engines had to end themselves, because nobody stopped them; goes on over restarts. */
export class ExpiredSessions {
  total = 0;
  readonly #last: number[] = [];

  /** Takes an engine's own count, which begins anew when it is started again. */
  note(engine: number, expired: number): void {
    const last = this.#last[engine] ?? 0;
    this.total += expired >= last ? expired - last : expired;
    this.#last[engine] = expired;
  }
}

/** What samples are taken of. */
export interface Sampled {
  pid: number;
  origin: string;
  engines: Engines;
  expired: ExpiredSessions;
}

/** Sessions at each engine; null for one that is down. */
export async function engineSessions({ engines, expired }: Sampled): Promise<(number | null)[]> {
  const states = await engines.sessions();
  return states.map((state, engine) => {
    if (state === undefined) return null;
    expired.note(engine, state.expired);
    return state.infohashes.length;
  });
}

/** Takes a sample; the descriptors are counted before our own questions open any. */
export async function takeSample(sampled: Sampled, atMs: number, served: number): Promise<Sample> {
  const figures = processFigures(sampled.pid);
  const [gateway, sessions] = await Promise.all([gatewayFigures(sampled.origin), engineSessions(sampled)]);
  return { atMs: Math.round(atMs), ...figures, ...gateway, engineSessions: sessions, served };
}
