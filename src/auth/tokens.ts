import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Database } from '../catalog/database.ts';
import type { LateWrites } from '../catalog/late-writes.ts';
import type { Row, Tables } from '../catalog/tables.ts';
import { SluiceError } from '../shared/errors.ts';

/** What a token may do: `read` is GET and HEAD of `/api/*`, `write` everything else there. Neither includes the other. */
export const SCOPES = ['read', 'write'] as const;
/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** A bearer token for scripts, without its secret. */
export interface Token {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Unix seconds. */
  readonly createdAt: number;
  /** Unix seconds; null never expires. */
  readonly expiresAt: number | null;
  /** Unix seconds, to the minute; null when it was never used. */
  readonly lastUsedAt: number | null;
}

/** A new token. */
export const tokenInput = z.strictObject({
  name: z.string().trim().min(1).max(64),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .transform(scopes => [...new Set(scopes)]),
  expiresAt: z.int().positive().nullable().optional(),
});
/** See {@link tokenInput}. */
export type TokenInput = z.input<typeof tokenInput>;

const SECRET_BYTES = 32;
const SECRET = /^slc_[\w-]{43}$/;
/** How exactly it is known when a token was used last. */
const LAST_USED_STEP_S = 60;

/** Whether a bearer credential looks like a token, rather than a password. */
export function looksLikeToken(bearer: string): boolean {
  return SECRET.test(bearer);
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Tokens are long and random: a fast hash keeps them safe in the database, and guessing them is hopeless. */
export class Tokens {
  readonly #query: Kysely<Tables>;
  readonly #late: LateWrites;
  readonly #nowS: () => number;
  /** When each token's last use was noted; the database may learn it a little later. */
  readonly #noted = new Map<number, number>();

  /** @param nowS unix seconds */
  constructor(database: Database, late: LateWrites, nowS: () => number = () => Math.floor(Date.now() / 1000)) {
    this.#query = database.query;
    this.#late = late;
    this.#nowS = nowS;
  }

  /**
   * Makes a token.
   * @returns the secret, too: this is the only time that anybody knows it
   * @throws SluiceError `account_invalid`, `account_exists`
   */
  async create(input: TokenInput): Promise<{ token: Token; secret: string }> {
    const parsed = tokenInput.safeParse(input, { reportInput: false });
    if (!parsed.success)
      throw new SluiceError('account_invalid', `The token can't be like this: ${z.prettifyError(parsed.error)}`);
    const { name, scopes, expiresAt = null } = parsed.data;
    const secret = `slc_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const row = await this.#query
      .insertInto('tokens')
      .values({
        name,
        hash: digestOf(secret),
        scopes: JSON.stringify(scopes),
        created_at: this.#nowS(),
        expires_at: expiresAt,
      })
      .onConflict(conflict => conflict.column('name').doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw new SluiceError('account_exists', `There is a token '${name}' already.`);
    return { token: this.#tokenOf(row), secret };
  }

  /** All tokens by name, those that have expired included. */
  async list(): Promise<Token[]> {
    const rows = await this.#query.selectFrom('tokens').selectAll().orderBy('name').execute();
    return rows.map(row => this.#tokenOf(row));
  }

  /** Removes a token; it is worth nothing from now on. @throws SluiceError `account_not_found` */
  async revoke(id: number): Promise<void> {
    const row = await this.#query.deleteFrom('tokens').where('id', '=', id).returning('id').executeTakeFirst();
    if (row === undefined) throw new SluiceError('account_not_found', `There is no token ${id}.`);
    this.#noted.delete(id);
  }

  /** The token with this secret, if it is valid now. */
  async verify(secret: string): Promise<Token | undefined> {
    if (!looksLikeToken(secret)) return undefined;
    const hash = digestOf(secret);
    // Looking a digest up gives nothing away: nobody can choose a secret by the beginning of its digest.
    const row = await this.#query.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
    if (row === undefined || !timingSafeEqual(Buffer.from(row.hash), Buffer.from(hash))) return undefined;
    const nowS = this.#nowS();
    if (row.expires_at !== null && row.expires_at <= nowS) return undefined;
    this.#noteUse(row, nowS);
    return this.#tokenOf(row);
  }

  #noteUse({ id, last_used_at }: Row<'tokens'>, nowS: number): void {
    const notedS = Math.max(this.#noted.get(id) ?? 0, last_used_at ?? 0);
    if (nowS - notedS < LAST_USED_STEP_S) return;
    this.#noted.set(id, nowS);
    this.#late.put(`token ${id}`, this.#query.updateTable('tokens').set({ last_used_at: nowS }).where('id', '=', id));
  }

  #tokenOf(row: Row<'tokens'>): Token {
    return {
      id: row.id,
      name: row.name,
      scopes: JSON.parse(row.scopes) as Scope[],
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      lastUsedAt: this.#noted.get(row.id) ?? row.last_used_at,
    };
  }
}
