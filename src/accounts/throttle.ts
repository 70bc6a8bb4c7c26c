/**
 * What guessing passwords costs. The rules, for logins that are not remembered anyway:
 * - An address that has failed often is refused, whatever account it asks for. IPv6 counts by /64, because that is what
 *   one customer has.
 * - An account that was failed often is never refused, because that would let strangers lock its owner out; its logins
 *   only wait, from wherever they come.
 * - Both wait longer with each failure, and forget failures that are old. Who gets in is forgiven the failures of that
 *   address on that account, but not those on others: a valid account is no licence to guess at others.
 */
import ipaddr from 'ipaddr.js';

/** How much is too much. */
export interface ThrottleLimits {
  /** How long a failure counts. */
  windowMs: number;
  /** Failures after which an address is refused. */
  maxFailures: number;
  /** Failures of an address that cost no delay, and those on an account. */
  freeOfAddress: number;
  freeOnAccount: number;
  /** The first delay; each further failure doubles it. */
  firstDelayMs: number;
  maxDelayMs: number;
  /** Logins of one address that may be under way. */
  maxPending: number;
  /** Addresses and accounts that are remembered, each. */
  maxEntries: number;
}

/** What holds unless a test says otherwise. */
export const THROTTLE_LIMITS: ThrottleLimits = {
  windowMs: 60_000,
  maxFailures: 10,
  freeOfAddress: 3,
  freeOnAccount: 5,
  firstDelayMs: 250,
  maxDelayMs: 1_000,
  maxPending: 16,
  maxEntries: 10_000,
};

/** A login that must not be looked at. */
export interface Refusal {
  retryAfterSeconds: number;
  /** Nobody of this address was refused in this window before: worth a line in the log. */
  first: boolean;
}

/** A login under way; it must be ended. */
export interface Attempt {
  /** How long to wait before the password is looked at. */
  readonly delayMs: number;
  /** Whether enough others have failed in the meantime. */
  refusal(): Refusal | undefined;
  /** Only the first call counts. */
  end(how: 'failed' | 'succeeded' | 'abandoned'): void;
}

interface Failure {
  account: string;
  place: string;
  atMs: number;
}

/** Counts failures by address and by account. */
export class Throttle {
  readonly #now: () => number;
  readonly #limits: ThrottleLimits;
  readonly #byPlace = new Map<string, Failure[]>();
  readonly #byAccount = new Map<string, Failure[]>();
  readonly #pending = new Map<string, number>();
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(now: () => number = () => performance.now(), limits: ThrottleLimits = THROTTLE_LIMITS) {
    this.#now = now;
    this.#limits = limits;
  }

  /** Begins a login, or refuses it. */
  begin(account: string, address: string): Attempt | Refusal {
    const place = placeOf(address);
    const refusal = this.#refusal(place);
    if (refusal !== undefined) return refusal;
    const pending = this.#pending.get(place) ?? 0;
    if (pending >= this.#limits.maxPending) return { retryAfterSeconds: 1, first: false };
    this.#pending.set(place, pending + 1);
    let ended = false;
    return {
      delayMs: this.#delayMs(account, place),
      refusal: () => this.#refusal(place),
      end: how => {
        if (ended) return;
        ended = true;
        const left = this.#pending.get(place)! - 1;
        if (left > 0) this.#pending.set(place, left);
        else this.#pending.delete(place);
        if (how === 'failed') this.#fail({ account, place, atMs: this.#now() });
        else if (how === 'succeeded') this.#forgive(account, place);
      },
    };
  }

  #refusal(place: string): Refusal | undefined {
    const failures = this.#recent(this.#byPlace, place);
    const decisive = failures.at(-this.#limits.maxFailures);
    if (decisive === undefined) return undefined;
    const untilMs = decisive.atMs + this.#limits.windowMs;
    const first = (this.#refusedUntilMs.get(place) ?? 0) <= this.#now();
    if (first) remember(this.#refusedUntilMs, place, untilMs, this.#limits.maxEntries);
    return { retryAfterSeconds: Math.max(1, Math.ceil((untilMs - this.#now()) / 1000)), first };
  }

  #delayMs(account: string, place: string): number {
    const { freeOfAddress, freeOnAccount, firstDelayMs, maxDelayMs } = this.#limits;
    const excess = Math.max(
      this.#recent(this.#byPlace, place).length - freeOfAddress,
      this.#recent(this.#byAccount, account).length - freeOnAccount,
    );
    return excess < 0 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** excess);
  }

  #fail(failure: Failure): void {
    this.#add(this.#byPlace, failure.place, failure);
    this.#add(this.#byAccount, failure.account, failure);
  }

  #forgive(account: string, place: string): void {
    const keep = (map: Map<string, Failure[]>, key: string, isOther: (failure: Failure) => boolean): void => {
      const others = this.#recent(map, key).filter(isOther);
      if (others.length > 0) map.set(key, others);
      else map.delete(key);
    };
    keep(this.#byPlace, place, failure => failure.account !== account);
    keep(this.#byAccount, account, failure => failure.place !== place);
  }

  /** Failures that still count, oldest first. */
  #recent(map: Map<string, Failure[]>, key: string): Failure[] {
    const since = this.#now() - this.#limits.windowMs;
    const failures = map.get(key) ?? [];
    return failures[0] === undefined || failures[0].atMs > since
      ? failures
      : failures.filter(({ atMs }) => atMs > since);
  }

  #add(map: Map<string, Failure[]>, key: string, failure: Failure): void {
    // More than lead to a refusal, or to the longest delay, tell nothing new.
    const failures = [...this.#recent(map, key), failure].slice(-2 * this.#limits.maxFailures);
    remember(map, key, failures, this.#limits.maxEntries);
  }
}

/** Keeps the newest entries: whoever fills the memory up pushes out what is oldest. */
function remember<T>(map: Map<string, T>, key: string, value: T, maxEntries: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > maxEntries) map.delete(map.keys().next().value!);
}

/** What counts as one address. */
function placeOf(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}
