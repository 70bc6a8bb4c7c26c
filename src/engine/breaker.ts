import { Backoff } from '../shared/backoff.ts';
import type { ErrorCode } from '../shared/errors.ts';
import { StateMachine, type Transitions } from '../shared/state-machine.ts';
import type { Clock } from './clock.ts';
import { isEngineFault } from './engine-fault.ts';

/** States of a breaker, in the order of the metric's label. */
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];
type BreakerEvent = 'trip' | 'cool' | 'pass';

/** The rules of {@link BreakerState}; drawn in docs/lifecycle.md. */
export const BREAKER_TRANSITIONS: Transitions<BreakerState, BreakerEvent> = {
  closed: { trip: 'open' },
  open: { cool: 'half_open' },
  half_open: { pass: 'closed', trip: 'open' },
};

/** Faults in a row, without a stream that flowed in between, after which an engine is left alone. */
export const MAX_FAULTS_IN_A_ROW = 3;
const FIRST_COOL_DOWN_MS = 5_000;
const MAX_COOL_DOWN_MS = 60_000;

/** Everything a {@link Breaker} needs. */
export interface BreakerParts {
  /** What it belongs to, for error messages. */
  name: string;
  clock: Clock;
  /** A source of numbers in [0, 1). */
  random: () => number;
  onChange: () => void;
}

/**
 * Keeps leases away from an engine that fails although its health checks pass. After a while it lets a single one
 * through, the probe, whose fate decides. Leases are told apart by identity; what older ones do meanwhile tells nothing
 * about the engine as it is now.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #machine: StateMachine<BreakerState, BreakerEvent>;
  #faults = 0;
  #probe: object | undefined;
  #coolsAtMs = 0;
  #cancelCooling: () => void = () => {};

  constructor({ name, clock, random, onChange }: BreakerParts) {
    this.#clock = clock;
    this.#backoff = new Backoff(FIRST_COOL_DOWN_MS, MAX_COOL_DOWN_MS, random);
    this.#machine = new StateMachine(`breaker of ${name}`, BREAKER_TRANSITIONS, 'closed', onChange);
  }

  /** Current state. */
  get state(): BreakerState {
    return this.#machine.state;
  }

  /** Whether a lease may be granted now. */
  get admits(): boolean {
    return this.state === 'closed' || (this.state === 'half_open' && this.#probe === undefined);
  }

  /** Milliseconds until an open breaker lets a probe through; 0 when it is not open. */
  get coolsInMs(): number {
    return this.state === 'open' ? Math.max(0, this.#coolsAtMs - this.#clock.nowMs()) : 0;
  }

  /** A lease was granted. */
  granted(lease: object): void {
    if (this.state === 'half_open') this.#probe = lease;
  }

  /** Data flows under a lease. */
  flowing(lease: object): void {
    switch (this.state) {
      case 'closed':
        this.#faults = 0;
        break;
      case 'half_open':
        if (lease === this.#probe) this.#pass();
        break;
      case 'open':
        break;
      default:
        this.state satisfies never;
    }
  }

  /** A lease ended. One that ended without a fault and before data flowed proves nothing, as a probe neither. */
  returned(lease: object, failure: ErrorCode | undefined): void {
    const isFault = failure !== undefined && isEngineFault(failure);
    switch (this.state) {
      case 'closed':
        if (isFault && ++this.#faults >= MAX_FAULTS_IN_A_ROW) this.#trip();
        break;
      case 'half_open':
        if (lease !== this.#probe) break;
        this.#probe = undefined;
        if (isFault) this.#trip();
        break;
      case 'open':
        break;
      default:
        this.state satisfies never;
    }
  }

  /** Forgets its timer. */
  close(): void {
    this.#cancelCooling();
  }

  #trip(): void {
    this.#faults = 0;
    const coolDownMs = this.#backoff.nextMs();
    this.#coolsAtMs = this.#clock.nowMs() + coolDownMs;
    this.#cancelCooling = this.#clock.after(coolDownMs, () => this.#machine.send('cool'));
    this.#machine.send('trip');
  }

  #pass(): void {
    this.#probe = undefined;
    this.#backoff.reset();
    this.#machine.send('pass');
  }
}
