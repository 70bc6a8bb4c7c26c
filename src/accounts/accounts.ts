import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { Database } from '../catalog/database.ts';
import type { LateWrites } from '../catalog/late-writes.ts';
import type { Row, Tables } from '../catalog/tables.ts';
import { SluiceError } from '../shared/errors.ts';
import {
  type Account,
  type AccountChange,
  type AccountInput,
  type AccountMovedIn,
  accountChange,
  accountInput,
  accountMovedIn,
  accountOf,
  columnsOf,
  parseAccount,
  type Standing,
} from './account.ts';
import { type Passwords, storedBcrypt } from './passwords.ts';

/** Most accounts in one page. */
const MAX_PAGE = 500;

/** What is looked for in {@link Accounts.list}. */
export interface AccountQuery {
  /** Part of a name or of the notes, in any case. */
  search?: string | undefined;
  /** How they stand now. */
  status?: Standing | undefined;
  offset?: number | undefined;
  limit?: number | undefined;
}

/** An account that is not what it was. */
export interface AccountEvent {
  id: number;
  /** Its names, the former one first where it has another one now. */
  usernames: readonly string[];
  /** What it is now; undefined when it is gone. */
  account: Account | undefined;
}

/** The viewers' logins. */
export class Accounts {
  readonly #query: Kysely<Tables>;
  readonly #late: LateWrites;
  readonly #passwords: Passwords;
  readonly #nowS: () => number;
  readonly #listeners = new Set<(event: AccountEvent) => void>();

  /** @param nowS unix seconds */
  constructor(
    database: Database,
    late: LateWrites,
    passwords: Passwords,
    nowS: () => number = () => Math.floor(Date.now() / 1000),
  ) {
    this.#query = database.query;
    this.#late = late;
    this.#passwords = passwords;
    this.#nowS = nowS;
  }

  /** Calls `listener` at once for each account that is made, changed or removed. */
  onChange(listener: (event: AccountEvent) => void): void {
    this.#listeners.add(listener);
  }

  /** One page of accounts by name, and how many there are in all. */
  async list({ search, status, offset = 0, limit = 50 }: AccountQuery = {}): Promise<{
    items: Account[];
    total: number;
  }> {
    const chosen = this.#chosen(search, status);
    const { total } = await chosen.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
    const rows = await chosen
      .selectAll()
      .orderBy('username')
      .offset(Math.max(0, Math.trunc(offset)))
      .limit(Math.min(MAX_PAGE, Math.max(0, Math.trunc(limit))))
      .execute();
    return { items: rows.map(accountOf), total };
  }

  /** The account with this id. @throws SluiceError `account_not_found` */
  async get(id: number): Promise<Account> {
    return accountOf(await this.#row(id));
  }

  /** An account and the hash of its password, for those who check it. */
  async credentialsOf(username: string): Promise<{ account: Account; hash: string } | undefined> {
    const row = await this.#query
      .selectFrom('accounts')
      .selectAll()
      .where('username', '=', username)
      .executeTakeFirst();
    return row && { account: accountOf(row), hash: row.password_hash };
  }

  /** Makes an account. @throws SluiceError `account_invalid`, `account_exists` */
  async create(input: AccountInput): Promise<Account> {
    const { password, ...fields } = parseAccount(accountInput, input);
    return this.#insert(fields, await this.#passwords.hash(password));
  }

  /**
   * Makes an account of which only another program's bcrypt hash is known; the first login replaces that.
   * @param bcryptHash such as `$2b$12$…`
   * @throws SluiceError `account_invalid`, `account_exists`
   */
  async moveIn(input: AccountMovedIn, bcryptHash: string): Promise<Account> {
    const fields = parseAccount(accountMovedIn, input);
    const hash = storedBcrypt(bcryptHash);
    if (hash === undefined) throw new SluiceError('account_invalid', 'The hash of the password is none of bcrypt.');
    return this.#insert(fields, hash);
  }

  /**
   * Changes what `change` names.
   * @param ifVersion only if the account is still of this version
   * @throws SluiceError `account_invalid`, `account_not_found`, `account_exists`, `version_conflict`
   */
  async update(id: number, change: AccountChange, ifVersion?: number): Promise<Account> {
    const { password, ...fields } = parseAccount(accountChange, change);
    const before = await this.#row(id, ifVersion);
    const hash = password === undefined ? undefined : await this.#passwords.hash(password);
    const row = await this.#query
      .updateTable('accounts')
      .set(({ eb }) => ({ ...columnsOf(fields), ...(hash && { password_hash: hash }), version: eb('version', '+', 1) }))
      .where('id', '=', id)
      .$if(ifVersion !== undefined, query => query.where('version', '=', ifVersion!))
      .returningAll()
      .executeTakeFirst()
      .catch((error: unknown) => this.#refuse(error, fields.username));
    // It was there a moment ago: somebody else was faster.
    if (row === undefined) throw await this.#missing(id);
    const account = accountOf(row);
    this.#tell(id, before.username, account);
    return account;
  }

  /**
   * Removes an account.
   * @param ifVersion only if it is still of this version
   * @throws SluiceError `account_not_found`, `version_conflict`
   */
  async remove(id: number, ifVersion?: number): Promise<void> {
    const { username } = await this.#row(id, ifVersion);
    const removed = await this.#query
      .deleteFrom('accounts')
      .where('id', '=', id)
      .$if(ifVersion !== undefined, query => query.where('version', '=', ifVersion!))
      .returning('id')
      .executeTakeFirst();
    if (removed === undefined) throw await this.#missing(id);
    this.#tell(id, username, undefined);
  }

  /** Notes that somebody logged in, and a hash that replaces the one that was checked. No new version: nobody chose it. */
  noteLogin({ id }: Account, checked: string, renewed: string | undefined): void {
    const update = this.#query.updateTable('accounts').where('id', '=', id);
    this.#late.put(`login ${id}`, update.set({ last_login_at: this.#nowS() }));
    if (renewed !== undefined)
      this.#late.put(`hash ${id}`, update.set({ password_hash: renewed }).where('password_hash', '=', checked));
  }

  #chosen(search: string | undefined, status: Standing | undefined): SelectQueryBuilder<Tables, 'accounts', object> {
    let query = this.#query.selectFrom('accounts');
    if (search !== undefined && search !== '') {
      const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
      query = query.where(sql<boolean>`(username like ${pattern} escape '\\' or notes like ${pattern} escape '\\')`);
    }
    if (status === undefined) return query;
    const expired = sql<boolean>`(expires_at is not null and expires_at <= ${this.#nowS()})`;
    switch (status) {
      case 'active':
        return query.where('status', '=', 'active').where(({ not }) => not(expired));
      case 'expired':
        return query.where('status', '=', 'active').where(expired);
      default:
        return query.where('status', '=', status);
    }
  }

  async #insert(fields: Parameters<typeof columnsOf>[0] & { username: string }, hash: string): Promise<Account> {
    const row = await this.#query
      .insertInto('accounts')
      .values({
        ...columnsOf(fields),
        username: fields.username,
        password_hash: hash,
        created_at: this.#nowS(),
      })
      .returningAll()
      .executeTakeFirstOrThrow()
      .catch((error: unknown) => this.#refuse(error, fields.username));
    const account = accountOf(row);
    this.#tell(account.id, account.username, account);
    return account;
  }

  async #row(id: number, ifVersion?: number): Promise<Row<'accounts'>> {
    const row = await this.#query.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw new SluiceError('account_not_found', `There is no account ${id}.`);
    if (ifVersion !== undefined && row.version !== ifVersion) throw conflict();
    return row;
  }

  /** Why a row that was to be written was not there. */
  async #missing(id: number): Promise<SluiceError> {
    return this.#row(id).then(conflict, SluiceError.from);
  }

  #refuse(error: unknown, username: string | undefined): never {
    if (!String((error as { code?: unknown }).code).startsWith('SQLITE_CONSTRAINT')) throw error;
    throw new SluiceError('account_exists', `There is an account '${username}' already.`, { cause: error });
  }

  #tell(id: number, former: string, account: Account | undefined): void {
    const usernames = [...new Set([former, account?.username ?? former])];
    for (const listener of this.#listeners) listener({ id, usernames, account });
  }
}

function conflict(): SluiceError {
  return new SluiceError('version_conflict', 'Somebody else changed it in the meantime; read it again.');
}
