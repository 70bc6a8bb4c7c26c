import type { EngineStatus } from '../../../src/engine/engine-member.ts';
import { type EngineEvents, EnginePool, type EnginePoolParts } from '../../../src/engine/engine-pool.ts';
import type { Lease } from '../../../src/shared/protocol.ts';
import { FakeClock } from './fake-clock.ts';
import { type Answer, json, ScriptedEngine } from './scripted-engine.ts';

/** How a version is answered. */
export const VERSION = json({ result: { version: '3.2.3', platform: 'linux' } });
/** A well engine that knows how to stop the session `/ace/cmd/1`. */
export const HEALTHY: Record<string, Answer> = {
  '/webui/api/service': VERSION,
  '/server/api': json({ result: { connected: true } }),
  '/ace/cmd/1': json({ response: 'ok' }),
};
/** An engine without a network. */
export const OFFLINE = json({ result: { connected: false } });

/** A content of this number. */
export const content = (n: number): string => n.toString(16).padStart(40, '0');

/** An interval at which no check comes by itself. */
export const NEVER_MS = 1e12;

/** A pool over scripted engines, its clock, and what it told. */
export class PoolRig {
  readonly clock = new FakeClock();
  readonly told: string[] = [];
  readonly pool: EnginePool;
  readonly servers: readonly ScriptedEngine[];
  #lastLease = 0;

  private constructor(servers: readonly ScriptedEngine[], parts: Partial<EnginePoolParts>) {
    this.servers = servers;
    this.pool = new EnginePool({
      urls: servers.map(({ url }) => url),
      checkIntervalMs: NEVER_MS,
      limits: { maxStreams: 4, maxStarts: 2 },
      events: this.#events(),
      clock: this.clock,
      random: () => 0.5,
      ...parts,
    });
  }

  /** Starts so many engines, and a pool that knows that they are well. */
  static async start(engines = 1, parts: Partial<EnginePoolParts> = {}): Promise<PoolRig> {
    const servers = await Promise.all(Array.from({ length: engines }, () => ScriptedEngine.start({ ...HEALTHY })));
    const rig = new PoolRig(servers, parts);
    await rig.pool.check();
    rig.told.length = 0;
    return rig;
  }

  async close(): Promise<void> {
    await this.pool.close();
    await Promise.all(this.servers.map(server => server.close()));
  }

  /** Asks for an engine, with a new number unless one is given. */
  ask(name: string, { shard = 0, avoid = [], waitMs = 0, leaseId = ++this.#lastLease }: Asking = {}): Promise<Lease> {
    return this.pool.leases.lease(shard, {
      leaseId,
      content: name,
      avoid: avoid.map(place => this.servers[place]!.url),
      waitMs,
    });
  }

  /** Number of the newest request. */
  get lastLease(): number {
    return this.#lastLease;
  }

  /** Which engine a lease is for, by its place. */
  place({ engineUrl }: Lease): number {
    return this.servers.findIndex(({ url }) => url === engineUrl);
  }

  /** A lease of which data flows. */
  async running(name: string, asking: Asking = {}): Promise<Lease> {
    const lease = await this.ask(name, asking);
    this.pool.leases.flowing(asking.shard ?? 0, lease.leaseId);
    return lease;
  }

  /** A session that fails at its start, as often as asked for. */
  async fail(times: number, code: Parameters<EnginePool['leases']['returned']>[2], asking: Asking = {}): Promise<void> {
    for (let i = 0; i < times; i++) {
      const { leaseId } = await this.ask(content(0xfa11), asking);
      this.pool.leases.returned(asking.shard ?? 0, leaseId, code);
    }
  }

  /** One figure of every engine. */
  each<Key extends keyof EngineStatus>(key: Key): EngineStatus[Key][] {
    return this.pool.status().map(status => status[key]);
  }

  /** Makes the health of an engine what its answers say. */
  async setOnline(place: number, online: boolean): Promise<void> {
    this.servers[place]!.answers['/server/api'] = online ? HEALTHY['/server/api']! : OFFLINE;
    await this.pool.check();
  }

  #events(): EngineEvents {
    const note = (what: string) => void this.told.push(what);
    return {
      engineHealthChanged: ({ place, healthy }) => note(`${place} ${healthy ? 'healthy' : 'sick'}`),
      engineBreakerChanged: ({ place, breaker }, coolsInMs) => note(`${place} ${breaker} ${coolsInMs}`),
      engineStateChanged: ({ place, state }) => note(`${place} ${state}`),
      leaseGranted: ({ place }) => note(`${place} granted`),
      leaseFailed: ({ place }, code) => note(`${place} failed ${code}`),
    };
  }
}

/** How a test asks; `avoid` names engines by their place. */
export interface Asking {
  shard?: number;
  avoid?: readonly number[];
  waitMs?: number;
  leaseId?: number;
}

/** What became of a promise so far. */
export function watch<Value>(promise: Promise<Value>): { value?: Value; error?: unknown } {
  const outcome: { value?: Value; error?: unknown } = {};
  promise.then(
    value => {
      outcome.value = value;
    },
    error => {
      outcome.error = error;
    },
  );
  return outcome;
}
