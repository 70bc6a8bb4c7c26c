import { randomUUID } from 'node:crypto';
import { HashQueue } from '../auth/hash-queue.ts';
import { HASH_COST, type HashCost, hashPassword, isHashOf, verifyPassword } from '../auth/password-hash.ts';

/** `bcrypt$…` holds a hash as other programs write it, `$2b$12$…`, with or without its own first sign. */
const BCRYPT = /^bcrypt\$?(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/;

/** Checks a password against a bcrypt hash, on another thread: it takes a third of a second of pure computing. */
export type VerifyBcrypt = (password: string, hash: string) => Promise<boolean>;

/** What {@link Passwords} are made from. */
export interface PasswordParts {
  verifyBcrypt: VerifyBcrypt;
  queue?: HashQueue;
  cost?: HashCost;
  /** Called for each slow computation, by its kind; for tests. */
  onHash?: (kind: 'scrypt' | 'bcrypt') => void;
}

/** How accounts' passwords are hashed and checked: a few at once, whoever asks. */
export class Passwords {
  readonly #verifyBcrypt: VerifyBcrypt;
  readonly #queue: HashQueue;
  readonly #cost: HashCost;
  readonly #onHash: (kind: 'scrypt' | 'bcrypt') => void;
  /** A hash that nobody knows the password of. */
  readonly #nobody: Promise<string>;

  constructor({ verifyBcrypt, queue = new HashQueue(), cost = HASH_COST, onHash = () => {} }: PasswordParts) {
    this.#verifyBcrypt = verifyBcrypt;
    this.#queue = queue;
    this.#cost = cost;
    this.#onHash = onHash;
    this.#nobody = hashPassword(randomUUID(), cost);
  }

  /** A hash to store. @throws SluiceError `login_throttled` */
  hash(password: string): Promise<string> {
    return this.#queue.run(() => this.#hashNow(password));
  }

  /** Waits for a turn, of which there are few at once. @throws SluiceError `login_throttled`, and what the task throws */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#queue.run(task);
  }

  /**
   * Whether a password is the one that was hashed. To be called in turn.
   * @param stored undefined where there is no such account: that takes as long as a wrong password, and is false
   */
  async matches(password: string, stored: string | undefined): Promise<boolean> {
    const [, bcrypt] = stored?.match(BCRYPT) ?? [];
    if (bcrypt !== undefined) {
      this.#onHash('bcrypt');
      return this.#verifyBcrypt(password, bcrypt);
    }
    const hash = stored ?? (await this.#nobody);
    this.#onHash('scrypt');
    const same = await verifyPassword(password, hash);
    return same && stored !== undefined;
  }

  /** A hash that should replace `stored`, whose password is known now; undefined where it is fine. In turn. */
  async renewed(password: string, stored: string): Promise<string | undefined> {
    return isHashOf(this.#cost, stored) ? undefined : this.#hashNow(password);
  }

  #hashNow(password: string): Promise<string> {
    this.#onHash('scrypt');
    return hashPassword(password, this.#cost);
  }
}

/** A bcrypt hash of another program in the form in which it is stored; undefined when it is none. */
export function storedBcrypt(hash: string): string | undefined {
  const stored = `bcrypt${hash}`;
  return BCRYPT.test(stored) ? stored : undefined;
}
