import { SluiceError } from '../shared/errors.ts';
import { type Clock, SYSTEM_CLOCK } from './clock.ts';
import type { EngineClient } from './engine-client.ts';
import { type EngineLimits, EngineMember, type EngineState, type EngineStatus } from './engine-member.ts';
import { HealthChecks } from './health-checks.ts';
import { LeaseDesk, type LeaseEvents } from './lease-desk.ts';

/** What whoever keeps the books is told. */
export interface EngineEvents extends LeaseEvents {
  /** An engine became healthy, or stopped being so. */
  engineHealthChanged(status: EngineStatus): void;
  /** @param coolsInMs how long a breaker that opened stays open */
  engineBreakerChanged(status: EngineStatus, coolsInMs: number): void;
  /** An administrator drained or enabled an engine. */
  engineStateChanged(status: EngineStatus): void;
}

/** Everything an {@link EnginePool} needs. */
export interface EnginePoolParts {
  /** Origins, in order of preference. */
  urls: readonly string[];
  checkIntervalMs: number;
  /** What each of them may be asked to do at once. */
  limits: EngineLimits;
  events: EngineEvents;
  /**
   * Asked when a content can't be started because every engine is full.
   * @returns whether a session was ended that nobody needed
   */
  makeRoom?: () => Promise<boolean>;
  clock?: Clock;
  /** A source of numbers in [0, 1). */
  random?: () => number;
}

/** The configured engines: how they are, which of them may be used, and at whose service they are. */
export class EnginePool {
  /** Which shard runs which content where. */
  readonly leases: LeaseDesk;
  readonly #members: readonly EngineMember[];
  readonly #health: HealthChecks;
  readonly #events: EngineEvents;

  constructor(parts: EnginePoolParts) {
    const { urls, checkIntervalMs, limits, events, clock = SYSTEM_CLOCK, random = Math.random } = parts;
    const { makeRoom = () => Promise.resolve(false) } = parts;
    const onBreaker = (member: EngineMember): void => {
      events.engineBreakerChanged(member.status(), member.breaker.coolsInMs);
      this.leases.serve();
    };
    this.#events = events;
    this.#members = urls.map((url, place) => new EngineMember({ place, url, limits, clock, random, onBreaker }));
    this.#health = new HealthChecks(this.#members, checkIntervalMs, clock, member => {
      events.engineHealthChanged(member.status());
      this.leases.serve();
    });
    this.leases = new LeaseDesk(this.#members, this.#health, { events, makeRoom, clock });
  }

  /** Begins to check the engines' health, now and on a timer. */
  start(): void {
    this.#health.start();
  }

  /** Checks every engine once; concurrent callers share one check. */
  check(): Promise<void> {
    return this.#health.check();
  }

  /** Every engine's status, as configured. */
  status(): EngineStatus[] {
    return this.#members.map(member => member.status());
  }

  /** Requests for an engine that wait now. */
  get waiting(): number {
    return this.leases.waiting;
  }

  /**
   * Clients of all healthy engines, those that take streams first. Where none is healthy, all are checked once more
   * before that is said.
   */
  async healthyClients(): Promise<EngineClient[]> {
    if (this.#health.isDoubtful) await this.#health.check();
    const takesStreams = ({ state, breaker }: EngineMember): boolean =>
      state === 'enabled' && breaker.state === 'closed';
    const healthy = this.#members.filter(member => member.isHealthy);
    const ordered = [...healthy.filter(takesStreams), ...healthy.filter(member => !takesStreams(member))];
    return ordered.map(({ client }) => client);
  }

  /** Lets an engine run out: it gets no new leases. @throws SluiceError `engine_not_found` */
  drain(id: string): EngineStatus {
    return this.#setState(id, 'draining');
  }

  /** Gives an engine new leases again. @throws SluiceError `engine_not_found` */
  enable(id: string): EngineStatus {
    return this.#setState(id, 'enabled');
  }

  /** Refuses those who wait; ends the checks and every connection. */
  async close(): Promise<void> {
    this.leases.close();
    this.#health.close();
    await Promise.all(this.#members.map(member => member.close()));
  }

  #setState(id: string, state: EngineState): EngineStatus {
    const member = this.#members.find(candidate => candidate.id === id);
    if (member === undefined)
      throw new SluiceError('engine_not_found', 'There is no such engine; GET /api/v1/engines lists their ids.');
    if (member.state !== state) {
      member.state = state;
      this.#events.engineStateChanged(member.status());
      this.leases.serve();
    }
    return member.status();
  }
}
