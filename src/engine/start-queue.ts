import type { SluiceError } from '../shared/errors.ts';
import type { Lease } from '../shared/protocol.ts';
import type { Claim } from './claims.ts';
import type { Clock } from './clock.ts';

interface Waiter {
  resolve: (lease: Lease) => void;
  reject: (error: SluiceError) => void;
  cancelDeadline: () => void;
}

/** Claims that were not granted yet, in the order in which they came. Each leaves it exactly once. */
export class StartQueue {
  readonly #clock: Clock;
  readonly #waiters = new Map<Claim, Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Claims that wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Those who wait now, in their order; it stays as it is while some of them leave. */
  claims(): Claim[] {
    return [...this.#waiters.keys()];
  }

  /** Whether a claim still waits. */
  has(claim: Claim): boolean {
    return this.#waiters.has(claim);
  }

  /** Puts a claim at the end. @returns what becomes of it */
  join(claim: Claim): Promise<Lease> {
    return new Promise((resolve, reject) => {
      this.#waiters.set(claim, { resolve, reject, cancelDeadline: () => {} });
    });
  }

  /** Calls `onLate` when a claim still waits after `waitMs`. */
  limit(claim: Claim, waitMs: number, onLate: () => void): void {
    const waiter = this.#waiters.get(claim);
    if (waiter !== undefined) waiter.cancelDeadline = this.#clock.after(waitMs, onLate);
  }

  /** Takes a claim out with a lease. */
  grant(claim: Claim, lease: Lease): void {
    this.#leave(claim)?.resolve(lease);
  }

  /** Takes a claim out with a reason. */
  refuse(claim: Claim, error: SluiceError): void {
    this.#leave(claim)?.reject(error);
  }

  #leave(claim: Claim): Waiter | undefined {
    const waiter = this.#waiters.get(claim);
    this.#waiters.delete(claim);
    waiter?.cancelDeadline();
    return waiter;
  }
}
