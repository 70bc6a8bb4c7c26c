import { type ErrorCode, SluiceError } from '../shared/errors.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import type { Clock } from './clock.ts';
import { EngineClient } from './engine-client.ts';

/** What an administrator wants of an engine; a draining one gets no new leases, what runs there goes on. */
export type EngineState = 'enabled' | 'draining';

/** How much one engine may be asked to do at once. */
export interface EngineLimits {
  /** Sessions, those that start included. */
  maxStreams: number;
  /** Sessions of which no data has come yet. */
  maxStarts: number;
}

/** How an engine is. */
export interface EngineStatus {
  /** Its place in the configuration, from 0. */
  place: number;
  /** Names it in the API: `host:port`. */
  id: string;
  url: string;
  state: EngineState;
  /** As of its last check. */
  healthy: boolean;
  version: string | undefined;
  /** Why it is not healthy. */
  problem: string | undefined;
  breaker: BreakerState;
  sessions: number;
  starts: number;
  limits: EngineLimits;
}

/** Everything an {@link EngineMember} needs. */
export interface EngineMemberParts {
  place: number;
  url: string;
  limits: EngineLimits;
  clock: Clock;
  random: () => number;
  onBreaker: (member: EngineMember) => void;
}

function idOf(origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** One engine of the pool: how it is, and which leases run there. Leases are told apart by identity. */
export class EngineMember {
  readonly place: number;
  readonly id: string;
  readonly client: EngineClient;
  readonly breaker: Breaker;
  readonly #limits: EngineLimits;
  readonly #leases = new Set<object>();
  readonly #starting = new Set<object>();
  state: EngineState = 'enabled';
  /** Undefined until it was checked for the first time. */
  #healthy: boolean | undefined;
  #version: string | undefined;
  #problem: string | undefined = 'It was not checked yet.';

  constructor({ place, url, limits, clock, random, onBreaker }: EngineMemberParts) {
    this.place = place;
    this.id = idOf(url);
    this.client = new EngineClient(url);
    this.#limits = limits;
    this.breaker = new Breaker({ name: this.id, clock, random, onChange: () => onBreaker(this) });
  }

  /** Whether it passed its last check. */
  get isHealthy(): boolean {
    return this.#healthy === true;
  }

  /** Why it is not healthy. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether it runs as many sessions as it may. */
  get isFull(): boolean {
    return this.#leases.size >= this.#limits.maxStreams;
  }

  /** Whether it can take a start now, as far as its other starts and its breaker are concerned. */
  get canStart(): boolean {
    return this.#starting.size < this.#limits.maxStarts && this.breaker.admits;
  }

  /** Sessions leased now. */
  get sessions(): number {
    return this.#leases.size;
  }

  /** Sessions of which no data has come yet. */
  get starts(): number {
    return this.#starting.size;
  }

  /** A lease begins here. */
  granted(lease: object): void {
    this.#leases.add(lease);
    this.#starting.add(lease);
    this.breaker.granted(lease);
  }

  /** Data flows: the start is over. */
  flowing(lease: object): void {
    this.#starting.delete(lease);
    this.breaker.flowing(lease);
  }

  /** Nobody goes on with this start; its session counts until it is {@link returned}. */
  abandoned(lease: object): void {
    this.#starting.delete(lease);
    this.breaker.returned(lease, undefined);
  }

  /** A lease ended. */
  returned(lease: object, failure: ErrorCode | undefined): void {
    this.#leases.delete(lease);
    this.#starting.delete(lease);
    this.breaker.returned(lease, failure);
  }

  /** Asks the engine how it is. @returns whether its health is another than before */
  async check(): Promise<boolean> {
    const before = this.#healthy;
    try {
      // Engines of some builds lack the second call; only a clear "no" counts.
      const [{ version }, connected] = await Promise.all([
        this.client.version(),
        this.client.networkConnected().catch(() => true),
      ]);
      this.#version = version;
      this.#healthy = connected;
      this.#problem = connected ? undefined : 'The engine has no network connection.';
    } catch (error) {
      this.#healthy = false;
      this.#problem = SluiceError.from(error).message;
    }
    return this.#healthy !== before;
  }

  /** How it is now. */
  status(): EngineStatus {
    return {
      place: this.place,
      id: this.id,
      url: this.client.url,
      state: this.state,
      healthy: this.isHealthy,
      version: this.#version,
      problem: this.#problem,
      breaker: this.breaker.state,
      sessions: this.sessions,
      starts: this.starts,
      limits: this.#limits,
    };
  }

  /** Ends its timers and connections. */
  close(): Promise<void> {
    this.breaker.close();
    return this.client.destroy();
  }
}
