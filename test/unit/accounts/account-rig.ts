import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compare } from 'bcryptjs';
import { Accounts } from '../../../src/accounts/accounts.ts';
import { Credentials, type LoginFacts } from '../../../src/accounts/credentials.ts';
import { Passwords } from '../../../src/accounts/passwords.ts';
import { Throttle } from '../../../src/accounts/throttle.ts';
import { HashQueue } from '../../../src/auth/hash-queue.ts';
import type { HashCost } from '../../../src/auth/password-hash.ts';
import { openDatabase } from '../../../src/catalog/database.ts';
import { LateWrites } from '../../../src/catalog/late-writes.ts';

/** Cheap enough for tests. */
export const TEST_COST: HashCost = { logN: 4, r: 8, p: 1 };

/** Accounts in a real database, and a clock whose hands the test turns. */
export class AccountRig {
  nowMs = 1_000_000;
  readonly folder = mkdtempSync(path.join(tmpdir(), 'sluice-accounts-'));
  readonly file = path.join(this.folder, 'sluice.db');
  readonly database = openDatabase(this.file);
  readonly lost: unknown[] = [];
  readonly late = new LateWrites(this.database, error => this.lost.push(error));
  readonly hashes: string[] = [];
  readonly logins: LoginFacts[] = [];
  readonly waits: number[] = [];
  readonly passwords: Passwords;
  readonly accounts: Accounts;
  readonly throttle = new Throttle(() => this.nowMs);
  readonly credentials: Credentials;
  /** Called while a password is being hashed, once it is known which one. */
  onHash: () => void = () => {};

  constructor({ cost = TEST_COST, atOnce = 2 }: { cost?: HashCost; atOnce?: number } = {}) {
    this.passwords = new Passwords({
      verifyBcrypt: compare,
      queue: new HashQueue(atOnce),
      cost,
      onHash: kind => {
        this.hashes.push(kind);
        this.onHash();
      },
    });
    this.accounts = new Accounts(this.database, this.late, this.passwords, () => this.nowS);
    this.credentials = new Credentials({
      accounts: this.accounts,
      passwords: this.passwords,
      throttle: this.throttle,
      onLogin: facts => this.logins.push(facts),
      now: () => this.nowMs,
      nowS: () => this.nowS,
      wait: async ms => {
        this.waits.push(ms);
        this.nowMs += ms;
      },
    });
  }

  get nowS(): number {
    return Math.floor(this.nowMs / 1000);
  }

  /** The hash that is stored for an account. */
  hashOf(id: number): string {
    const row = this.database.connection.prepare('SELECT password_hash FROM accounts WHERE id = ?').get(id);
    return (row as { password_hash: string }).password_hash;
  }

  async close(): Promise<void> {
    this.late.close();
    await this.database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
