import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SluiceError } from '../shared/errors.ts';
import { type Account, type Standing, standingOf } from './account.ts';
import type { AccountEvent, Accounts } from './accounts.ts';
import type { Passwords } from './passwords.ts';
import type { Attempt, Refusal, Throttle } from './throttle.ts';

/** What came of a login. An account that may not watch any more is still told so, once its password is right. */
export type Verdict =
  | { kind: 'ok'; account: Account; standing: Standing }
  | { kind: 'refused' }
  | { kind: 'throttled'; retryAfterSeconds: number };

/** How a login ended, for the journal. `remembered` ones cost nothing and are not worth a line. */
export const LOGIN_RESULTS = ['ok', 'remembered', 'refused', 'throttled'] as const;
/** One of {@link LOGIN_RESULTS}. */
export type LoginResult = (typeof LOGIN_RESULTS)[number];

/** What is told about a login. */
export interface LoginFacts {
  result: LoginResult;
  address: string;
  /** Only of an account that exists: what else people type as a name may be a password. */
  username: string | undefined;
  /** False for what has been said of this address a moment ago. */
  worthALine: boolean;
}

/** What {@link Credentials} are checked with. */
export interface CredentialParts {
  accounts: Accounts;
  passwords: Passwords;
  throttle: Throttle;
  onLogin?: (facts: LoginFacts) => void;
  /** Monotonic milliseconds. */
  now?: () => number;
  /** Unix seconds. */
  nowS?: () => number;
  wait?: (ms: number) => Promise<unknown>;
}

const REMEMBER_MS = 5 * 60_000;
const MAX_REMEMBERED = 10_000;
/** No password is longer; a longer one is wrong, and not hashed whole. */
const MAX_PASSWORD_CHARS = 1_024;
/**
 * A refusal leaves at the next multiple of this after the request came, so that its time tells neither whether there is
 * such an account nor how its password is hashed. Above what one bcrypt hash of cost 12 takes.
 */
const REFUSAL_STEP_MS = 500;

interface Remembered {
  account: Account;
  untilMs: number;
}

/** A check that is under way; `stale` when the account was changed meanwhile. */
interface Flight {
  username: string;
  stale: boolean;
}

/** Checks viewers' names and passwords, and remembers for minutes which were right. */
export class Credentials {
  readonly #accounts: Accounts;
  readonly #passwords: Passwords;
  readonly #throttle: Throttle;
  readonly #onLogin: (facts: LoginFacts) => void;
  readonly #now: () => number;
  readonly #nowS: () => number;
  readonly #wait: (ms: number) => Promise<unknown>;
  readonly #key = randomBytes(32);
  /** By a digest of name and password under a key of this process: the passwords themselves are not kept. */
  readonly #remembered = new Map<string, Remembered>();
  readonly #pending = new Map<string, Promise<Verdict>>();
  readonly #flights = new Set<Flight>();

  constructor(parts: CredentialParts) {
    this.#accounts = parts.accounts;
    this.#passwords = parts.passwords;
    this.#throttle = parts.throttle;
    this.#onLogin = parts.onLogin ?? (() => {});
    this.#now = parts.now ?? (() => performance.now());
    this.#nowS = parts.nowS ?? (() => Math.floor(Date.now() / 1000));
    this.#wait = parts.wait ?? delay;
    this.#accounts.onChange(event => this.#forget(event));
  }

  /**
   * Checks a name and a password. What was right within the last minutes costs microseconds, from any address, and is
   * never throttled.
   * @param address whose failures are counted
   */
  verify(username: string, password: string, address: string): Promise<Verdict> {
    const digest = createHmac('sha256', this.#key).update(`${username.length} ${username}${password}`).digest('base64');
    const remembered = this.#remembered.get(digest);
    if (remembered !== undefined && remembered.untilMs > this.#now()) {
      this.#onLogin({ result: 'remembered', address, username, worthALine: false });
      return Promise.resolve(this.#welcome(remembered.account));
    }
    // Players open several connections at once; their guess is one.
    const guess = `${digest} ${address}`;
    let verdict = this.#pending.get(guess);
    if (verdict === undefined) {
      verdict = this.#attempt(username, password, address, digest).finally(() => this.#pending.delete(guess));
      this.#pending.set(guess, verdict);
    }
    return verdict;
  }

  async #attempt(username: string, password: string, address: string, digest: string): Promise<Verdict> {
    const arrivedMs = this.#now();
    const attempt = this.#throttle.begin(username, address);
    if (!('end' in attempt)) return this.#throttled(attempt, address);
    if (attempt.delayMs > 0) await this.#wait(attempt.delayMs);
    let verdict: Verdict;
    try {
      verdict = await this.#passwords.inTurn(() => this.#check(username, password, address, digest, attempt));
    } catch (error) {
      attempt.end('abandoned');
      if (SluiceError.from(error).code !== 'login_throttled') throw error;
      return this.#throttled({ retryAfterSeconds: 1, first: false }, address);
    }
    if (verdict.kind === 'refused') {
      const passedMs = this.#now() - arrivedMs;
      await this.#wait(REFUSAL_STEP_MS - (passedMs % REFUSAL_STEP_MS));
    }
    return verdict;
  }

  async #check(
    username: string,
    password: string,
    address: string,
    digest: string,
    attempt: Attempt,
  ): Promise<Verdict> {
    const refusal = attempt.refusal(); // Others of this address may have failed since.
    if (refusal !== undefined) {
      attempt.end('abandoned');
      return this.#throttled(refusal, address);
    }
    const flight: Flight = { username, stale: false };
    this.#flights.add(flight);
    try {
      const found = await this.#match(flight, password);
      attempt.end(found.matches ? 'succeeded' : 'failed');
      const result = found.matches ? 'ok' : 'refused';
      this.#onLogin({ result, address, username: found.account?.username, worthALine: true });
      if (!found.matches) return { kind: 'refused' };
      // Checked and remembered in one go: no change of the account can come in between.
      this.#remember(digest, found.account);
      this.#accounts.noteLogin(found.account, found.hash, found.renewed);
      return this.#welcome(found.account);
    } finally {
      this.#flights.delete(flight);
    }
  }

  async #match(
    flight: Flight,
    password: string,
  ): Promise<
    | { matches: true; account: Account; hash: string; renewed: string | undefined }
    | { matches: false; account: Account | undefined }
  > {
    for (;;) {
      flight.stale = false;
      const found = await this.#accounts.credentialsOf(flight.username);
      const short = password.slice(0, MAX_PASSWORD_CHARS);
      const matches = (await this.#passwords.matches(short, found?.hash)) && short === password;
      const renewed = matches ? await this.#passwords.renewed(password, found!.hash) : undefined;
      if (flight.stale) continue;
      return matches
        ? { matches, account: found!.account, hash: found!.hash, renewed }
        : { matches, account: found?.account };
    }
  }

  #welcome(account: Account): Verdict {
    return { kind: 'ok', account, standing: standingOf(account, this.#nowS()) };
  }

  #throttled({ retryAfterSeconds, first }: Refusal, address: string): Verdict {
    this.#onLogin({ result: 'throttled', address, username: undefined, worthALine: first });
    return { kind: 'throttled', retryAfterSeconds };
  }

  #remember(digest: string, account: Account): void {
    this.#remembered.delete(digest);
    this.#remembered.set(digest, { account, untilMs: this.#now() + REMEMBER_MS });
    if (this.#remembered.size > MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
  }

  #forget({ id, usernames }: AccountEvent): void {
    for (const [digest, { account }] of this.#remembered) if (account.id === id) this.#remembered.delete(digest);
    for (const flight of this.#flights) if (usernames.includes(flight.username)) flight.stale = true;
  }
}
