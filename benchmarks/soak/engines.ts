/** The stand-in engines of a soak run: processes that can be killed and come back where they were. */
import { freePort, portFromFirstLine, type Running, start } from '../lib/process.ts';
import { script } from '../lib/servers.ts';
import { monotonicMs } from '../lib/viewer.ts';
import { sleep } from '../lib/wait.ts';
import { type EngineFault, faultsOf, isEngineFault, NO_FAULTS } from './fault-kinds.ts';
import { ask } from './http.ts';
import type { PlannedFault } from './plan.ts';

/** Enough to have several packets in every write, and cheap enough for a hundred viewers on a small machine. */
export const BITS_PER_SECOND = 1_000_000;

/** The sessions an engine runs, by content, and those that it had to end itself because nobody did. */
export interface EngineSessions {
  infohashes: string[];
  expired: number;
}

interface EngineState {
  sessions: { infohash: string }[];
  counts: { sessionsExpired: number };
}

/** Infohash of a stream by its number. */
export function infohashOf(stream: number): string {
  return `${'5'.repeat(32)}${stream.toString(16).padStart(8, '0')}`;
}

class Engine {
  readonly url: string;
  readonly #port: number;
  #process: Running<number> | undefined;

  constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Starts it with contents that are the same, at the same place, on every engine and after every start. */
  async start(streams: number, liveSinceMs: number): Promise<void> {
    this.#process = await start({
      label: `stand-in engine on port ${this.#port}`,
      command: process.execPath,
      args: [script('workers/demo-engine.worker.js'), '--port', String(this.#port), '--host', '127.0.0.1'],
      ready: portFromFirstLine,
    });
    for (let stream = 0; stream < streams; stream++) {
      const body = { kind: 'synthetic', bitsPerSecond: BITS_PER_SECOND, liveSinceMs };
      await ask(`${this.url}/sim/contents/${infohashOf(stream)}`, { method: 'PUT', body });
    }
  }

  /** Undefined while it is down. */
  async sessions(): Promise<EngineSessions | undefined> {
    if (this.#process === undefined) return undefined;
    const text = await ask(`${this.url}/sim/state`).catch(() => undefined);
    if (text === undefined) return undefined;
    const { sessions, counts } = JSON.parse(text) as EngineState;
    return { infohashes: sessions.map(({ infohash }) => infohash), expired: counts.sessionsExpired };
  }

  async patchContent(stream: number, faults: Readonly<Record<string, object | null>>): Promise<void> {
    await ask(`${this.url}/sim/contents/${infohashOf(stream)}`, { method: 'PATCH', body: { faults } });
  }

  async patchGlobal(body: object): Promise<void> {
    await ask(`${this.url}/sim/global`, { method: 'POST', body });
  }

  async kill(): Promise<void> {
    const dying = this.#process;
    this.#process = undefined;
    await dying?.kill();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

/** All engines of a run. */
export class Engines {
  readonly #engines: readonly Engine[];
  readonly #streams: number;
  readonly #liveSinceMs = monotonicMs();
  /** Engines that are down or hang, until they are back. */
  readonly #troubles = new Set<Promise<void>>();

  private constructor(engines: readonly Engine[], streams: number) {
    this.#engines = engines;
    this.#streams = streams;
  }

  /** Starts `count` engines that all carry the same contents. */
  static async start(count: number, streams: number): Promise<Engines> {
    const engines: Engine[] = [];
    for (let i = 0; i < count; i++) engines.push(new Engine(await freePort()));
    const fleet = new Engines(engines, streams);
    for (const engine of engines) await engine.start(streams, fleet.#liveSinceMs);
    return fleet;
  }

  get urls(): string[] {
    return this.#engines.map(engine => engine.url);
  }

  /** What each engine runs; undefined for one that is down. */
  sessions(): Promise<(EngineSessions | undefined)[]> {
    return Promise.all(this.#engines.map(engine => engine.sessions()));
  }

  /** Lets a fault happen; those that last end by themselves. */
  async inflict({ kind, forMs, stream, engine }: PlannedFault, signal: AbortSignal): Promise<void> {
    const states = await this.sessions();
    if (!isEngineFault(kind)) {
      const carrying = states.findIndex(state => state?.infohashes.includes(infohashOf(stream)));
      await this.#engines[carrying < 0 ? engine : carrying]!.patchContent(stream, faultsOf(kind, forMs));
      return;
    }
    const trouble = this.#trouble(this.#engines[worthIt(states, engine)]!, kind, forMs, signal);
    this.#troubles.add(trouble);
    await trouble.finally(() => this.#troubles.delete(trouble));
  }

  /** Switches every fault off and waits until every engine is back. */
  async heal(): Promise<void> {
    await Promise.allSettled(this.#troubles);
    for (const engine of this.#engines)
      for (let stream = 0; stream < this.#streams; stream++) await engine.patchContent(stream, NO_FAULTS);
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#troubles);
    await Promise.all(this.#engines.map(engine => engine.stop()));
  }

  async #trouble(engine: Engine, kind: EngineFault, forMs: number, signal: AbortSignal): Promise<void> {
    if (kind === 'engine-restarts') return engine.patchGlobal({ restart: true });
    if (kind === 'engine-down') {
      await engine.kill();
      await pause(forMs, signal);
      return engine.start(this.#streams, this.#liveSinceMs);
    }
    await engine.patchGlobal({ hang: true });
    await pause(forMs, signal);
    await engine.patchGlobal({ hang: false, restart: kind === 'engine-hangs' });
  }
}

/** The engine that is meant if it carries anything, else the one that carries most: an idle one's trouble shows nothing. */
function worthIt(states: readonly (EngineSessions | undefined)[], meant: number): number {
  const loads = states.map(state => state?.infohashes.length ?? 0);
  return loads[meant] === 0 ? loads.indexOf(Math.max(...loads)) : meant;
}

/** Sleeps, and not to the end if the run is broken off. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
