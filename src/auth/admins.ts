import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Database } from '../catalog/database.ts';
import type { Tables } from '../catalog/tables.ts';
import { SluiceError } from '../shared/errors.ts';
import type { HashQueue } from './hash-queue.ts';
import { hashPassword } from './password-hash.ts';

/** Somebody who runs the gateway, besides the configured administrator. */
export interface Admin {
  readonly id: number;
  readonly username: string;
  /** Unix seconds. */
  readonly createdAt: number;
}

const password = z.string().min(8).max(1_024);
const adminInput = z.strictObject({
  username: z.string().regex(/^[^:\p{Cc}]{1,64}$/u, 'must be 1 to 64 characters without a colon'),
  password,
});

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value, { reportInput: false });
  if (parsed.success) return parsed.data;
  throw new SluiceError('account_invalid', `The administrator can't be like this: ${z.prettifyError(parsed.error)}`);
}

/**
 * Administrators besides the one of the configuration, who is not in the database: whoever can set ADMIN_PASSWORD gets
 * in, whatever the database says.
 */
export class Admins {
  readonly #query: Kysely<Tables>;
  readonly #configured: string;
  readonly #queue: HashQueue;
  readonly #nowS: () => number;
  #onChange: () => void = () => {};

  /**
   * @param configured name of the administrator of the configuration, which nobody else may have
   * @param nowS unix seconds
   */
  constructor(
    database: Database,
    configured: string,
    queue: HashQueue,
    nowS: () => number = () => Math.floor(Date.now() / 1000),
  ) {
    this.#query = database.query;
    this.#configured = configured;
    this.#queue = queue;
    this.#nowS = nowS;
  }

  /** Calls `listener` at once when somebody's password may no longer be right. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** All of them by name. */
  async list(): Promise<Admin[]> {
    const rows = await this.#query
      .selectFrom('admins')
      .select(['id', 'username', 'created_at as createdAt'])
      .orderBy('username')
      .execute();
    return rows;
  }

  /** Makes one. @throws SluiceError `account_invalid`, `account_exists` */
  async create(input: { username: string; password: string }): Promise<Admin> {
    const { username, password: chosen } = parse(adminInput, input);
    const row =
      username === this.#configured
        ? undefined
        : await this.#query
            .insertInto('admins')
            .values({
              username,
              password_hash: await this.#queue.run(() => hashPassword(chosen)),
              created_at: this.#nowS(),
            })
            .onConflict(conflict => conflict.column('username').doNothing())
            .returning(['id', 'username', 'created_at as createdAt'])
            .executeTakeFirst();
    if (row === undefined) throw new SluiceError('account_exists', `There is an administrator '${username}' already.`);
    return row;
  }

  /** Gives one another password. @throws SluiceError `account_invalid`, `account_not_found` */
  async setPassword(id: number, chosen: string): Promise<void> {
    const password_hash = await this.#queue.run(() => hashPassword(parse(password, chosen)));
    const row = await this.#query
      .updateTable('admins')
      .set({ password_hash })
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    this.#changed(id, row);
  }

  /** Removes one. @throws SluiceError `account_not_found` */
  async remove(id: number): Promise<void> {
    const row = await this.#query.deleteFrom('admins').where('id', '=', id).returning('id').executeTakeFirst();
    this.#changed(id, row);
  }

  /** The hash of one's password. */
  async hashOf(username: string): Promise<string | undefined> {
    const row = await this.#query
      .selectFrom('admins')
      .select('password_hash')
      .where('username', '=', username)
      .executeTakeFirst();
    return row?.password_hash;
  }

  #changed(id: number, row: object | undefined): void {
    if (row === undefined) throw new SluiceError('account_not_found', `There is no administrator ${id}.`);
    this.#onChange();
  }
}
