import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { faultsOf, isEngineFault, NO_FAULTS } from '../../benchmarks/soak/fault-kinds.ts';
import type { PlannedFault } from '../../benchmarks/soak/plan.ts';
import type { FaultPatch } from '../../workers/demo/fault-set.ts';
import type { TestGateway } from './gateway.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import type { Viewer } from './viewer.ts';

/** Infohash of a stream by its number. */
export function infohashOf(stream: number): string {
  return `${'5'.repeat(32)}${stream.toString(16).padStart(8, '0')}`;
}

/** Starts engines that broadcast the same contents, the same packets at the same time. */
export async function startEngines(count: number, streams: number, bitsPerSecond: number): Promise<StandIn[]> {
  const liveSinceMs = Number(process.hrtime.bigint()) / 1e6;
  const engines = await Promise.all(Array.from({ length: count }, () => startStandIn()));
  for (const engine of engines)
    for (let stream = 0; stream < streams; stream++)
      engine.putContent(infohashOf(stream), { kind: 'synthetic', bitsPerSecond, liveSinceMs });
  return engines;
}

/** The place of the engine that carries a content, or of the one that carries most; one whose trouble is noticed. */
function carrierOf(engines: readonly StandIn[], { kind, stream, engine }: PlannedFault): StandIn {
  const sessions = engines.map(each => each.state().sessions.map(session => session.infohash));
  const loads = sessions.map(carried => carried.length);
  const carrier = sessions.findIndex(carried => carried.includes(infohashOf(stream)));
  if (!isEngineFault(kind)) return engines[carrier < 0 ? engine : carrier]!;
  return engines[loads[engine] === 0 ? loads.indexOf(Math.max(...loads)) : engine]!;
}

async function inflict(engines: readonly StandIn[], fault: PlannedFault): Promise<void> {
  const { kind, stream, forMs } = fault;
  const target = carrierOf(engines, fault);
  if (!isEngineFault(kind)) {
    target.patchContent(infohashOf(stream), { faults: faultsOf(kind, forMs) as FaultPatch });
    return;
  }
  const [down, restarts] = [kind === 'engine-down', kind === 'engine-restarts'];
  target.global({ down, hang: !down && !restarts, restart: down || restarts });
  await delay(forMs);
  target.global({ down: false, hang: false, restart: kind === 'engine-hangs' });
}

/** Waits until a time of the run that began at `startedAtMs`. */
async function untilTime(startedAtMs: number, atMs: number): Promise<void> {
  await delay(Math.max(0, startedAtMs + atMs - performance.now()));
}

/** Lets planned faults happen, and switches everything off again when the last of them is over. */
export async function misbehave(engines: readonly StandIn[], plan: readonly PlannedFault[]): Promise<void> {
  const startedAtMs = performance.now();
  const happening = plan.map(async fault => {
    await untilTime(startedAtMs, fault.atMs);
    await inflict(engines, fault);
  });
  await Promise.all(happening);
  await untilTime(startedAtMs, Math.max(0, ...plan.map(({ atMs, forMs }) => atMs + forMs)));
  for (const engine of engines)
    for (const { stream } of plan) engine.patchContent(infohashOf(stream), { faults: NO_FAULTS });
}

/** Kills one shard after another at these times. */
export async function killShards({ gateway }: TestGateway, timesMs: readonly number[]): Promise<void> {
  const startedAtMs = performance.now();
  const { handles } = gateway.shards;
  for (const [i, atMs] of timesMs.entries()) {
    await untilTime(startedAtMs, atMs);
    await handles[i % handles.length]!.kill();
  }
}

/** Lets viewers stop reading and go on in turn, until the returned function is called, after which all of them read. */
export function pauseInTurn(viewers: readonly Viewer[], everyMs: number): () => void {
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
    viewers.forEach(({ socket }, i) => {
      if ((i + turns) % 2 === 0) socket.pause();
      else socket.resume();
    });
  }, everyMs);
  return () => {
    clearInterval(timer);
    for (const { socket } of viewers) socket.resume();
  };
}

/** What keeps this process alive (timers, sockets, ports, threads), counted by kind. */
export function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Bytes of this thread's heap, and of what hangs on it, that are really in use. */
export function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What the first pass finalizes, the second one frees.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
