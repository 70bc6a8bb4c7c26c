/** Everything that decides who gets in, built in one place; part of the composition root. */
import { Accounts } from './accounts/accounts.ts';
import { Credentials, type LoginFacts } from './accounts/credentials.ts';
import { Passwords } from './accounts/passwords.ts';
import { Throttle } from './accounts/throttle.ts';
import { AdminLogin } from './auth/admin-login.ts';
import { Admins } from './auth/admins.ts';
import { HashQueue } from './auth/hash-queue.ts';
import { Tokens } from './auth/tokens.ts';
import type { Database } from './catalog/database.ts';
import { LateWrites } from './catalog/late-writes.ts';
import { CpuPool } from './jobs/cpu-pool.ts';

/** What {@link Access} is built from. */
export interface AccessParts {
  database: Database;
  /** The administrator of the configuration. */
  admin: { username: string; hash: string };
  onLogin: (facts: LoginFacts) => void;
  /** Told when it could not be written down who logged in. */
  onLostNotes: (error: unknown) => void;
}

/** Accounts, administrators and tokens. */
export class Access {
  readonly accounts: Accounts;
  readonly credentials: Credentials;
  readonly admins: Admins;
  readonly login: AdminLogin;
  readonly tokens: Tokens;
  readonly #late: LateWrites;
  /** Apart from that for imports, which keep theirs busy for seconds. Its thread ends when nobody needs it. */
  readonly #pool = new CpuPool();

  constructor({ database, admin, onLogin, onLostNotes }: AccessParts) {
    const queue = new HashQueue();
    this.#late = new LateWrites(database, onLostNotes);
    const passwords = new Passwords({
      queue,
      verifyBcrypt: (password, hash) => this.#pool.run<boolean>('verify-bcrypt', { password, hash }),
    });
    this.accounts = new Accounts(database, this.#late, passwords);
    this.credentials = new Credentials({ accounts: this.accounts, passwords, throttle: new Throttle(), onLogin });
    this.admins = new Admins(database, admin.username, queue);
    this.login = new AdminLogin(admin.username, admin.hash, undefined, this.admins);
    this.tokens = new Tokens(database, this.#late);
  }

  /** Writes down what is still to be written; the database must be open. */
  async close(): Promise<void> {
    this.#late.close();
    await this.#pool.close();
  }
}
