import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SluiceError } from '../shared/errors.ts';
import type { Admins } from './admins.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';

const HASH_FILE = 'admin-password';
const REMEMBER_MS = 5 * 60_000;
const WINDOW_MS = 60_000;
const MAX_FAILURES = 10;
/** Guesses that are being hashed at once; each holds a thread and 32 MiB. */
const MAX_CONCURRENT = 4;
const MAX_ADDRESSES = 10_000;
const MAX_REMEMBERED = 100;

interface Failures {
  count: number;
  untilMs: number;
}

/**
 * Checks administrators' names and passwords: of the one of the configuration, and of those in the database. Verified credentials are remembered for minutes, so that a script's
 * calls cost microseconds; failures are counted per address.
 */
export class AdminLogin {
  readonly #username: string;
  readonly #hash: string;
  readonly #others: Pick<Admins, 'hashOf' | 'onChange'> | undefined;
  readonly #now: () => number;
  readonly #key = randomBytes(32);
  readonly #verified = new Map<string, number>();
  readonly #failures = new Map<string, Failures>();
  #hashing = 0;
  /** Counts changes of the others, so that nothing is remembered that was right before one. */
  #changes = 0;

  /**
   * @param hash of the configured administrator's password, from {@link hashPassword}
   * @param others administrators in the database
   */
  constructor(
    username: string,
    hash: string,
    now: () => number = () => performance.now(),
    others?: Pick<Admins, 'hashOf' | 'onChange'>,
  ) {
    this.#username = username;
    this.#hash = hash;
    this.#now = now;
    this.#others = others;
    others?.onChange(() => {
      this.#changes++;
      this.#verified.clear();
    });
  }

  /**
   * Checks one attempt.
   * @param username undefined when only a password was given (bearer), which only the configured administrator can do
   * @param address whose failures are counted
   * @throws SluiceError `login_throttled` after too many failures
   */
  async verify(username: string | undefined, password: string, address: string): Promise<boolean> {
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([username, password]))
      .digest('base64');
    if ((this.#verified.get(digest) ?? 0) > this.#now()) return true;
    this.#throttle(address);
    this.#hashing++;
    const changes = this.#changes;
    let matches: boolean;
    try {
      matches = await this.#matches(username, password);
    } finally {
      this.#hashing--;
    }
    if (!matches) {
      this.#fail(address);
      return false;
    }
    if (changes === this.#changes) this.#remember(digest);
    this.#failures.delete(address);
    return true;
  }

  async #matches(username: string | undefined, password: string): Promise<boolean> {
    const isConfigured = username === undefined || username === this.#username;
    const hash = isConfigured ? this.#hash : await this.#others?.hashOf(username);
    // The password is hashed for an unknown name as well, so that the time tells nothing.
    return (await verifyPassword(password, hash ?? this.#hash)) && hash !== undefined;
  }

  #remember(digest: string): void {
    this.#verified.delete(digest);
    this.#verified.set(digest, this.#now() + REMEMBER_MS);
    if (this.#verified.size > MAX_REMEMBERED) this.#verified.delete(this.#verified.keys().next().value!);
  }

  #throttle(address: string): void {
    const failures = this.#failures.get(address);
    if (failures !== undefined && failures.untilMs <= this.#now()) this.#failures.delete(address);
    else if ((failures?.count ?? 0) >= MAX_FAILURES)
      throw new SluiceError('login_throttled', 'Too many failed logins from your address; wait a minute.');
    if (this.#hashing >= MAX_CONCURRENT)
      throw new SluiceError('login_throttled', 'Too many logins are being checked at once; try again.');
  }

  #fail(address: string): void {
    const failures = this.#failures.get(address) ?? { count: 0, untilMs: this.#now() + WINDOW_MS };
    failures.count++;
    this.#failures.set(address, failures);
    if (this.#failures.size > MAX_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value!);
  }
}

/**
 * The password hash to check against: of the configured password, or of one that is made up once and kept, hashed,
 * under the data directory.
 * @param onGenerated gets the made-up password, the only time it is ever shown
 */
export async function adminPasswordHash(
  configured: string | undefined,
  dataDir: string,
  onGenerated: (password: string) => void,
): Promise<string> {
  if (configured !== undefined) return hashPassword(configured);
  const file = path.join(dataDir, HASH_FILE);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const password = randomBytes(15).toString('base64url');
  const hash = await hashPassword(password);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, `${hash}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  onGenerated(password);
  return hash;
}
