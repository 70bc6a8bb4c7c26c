/** What an account is, and what may be written into one. */
import { z } from 'zod';
import type { Row } from '../catalog/tables.ts';
import { SluiceError } from '../shared/errors.ts';

/** Forms in which a channel can be watched. */
export const FORMATS = ['ts', 'm3u8'] as const;
/** One of {@link FORMATS}. */
export type Format = (typeof FORMATS)[number];

/** What an administrator makes of an account. */
export const ACCOUNT_STATUSES = ['active', 'disabled', 'banned'] as const;

/** A viewer's Xtream login. The password is nowhere but in its hash, which never leaves the database. */
export interface Account {
  readonly id: number;
  readonly username: string;
  readonly status: (typeof ACCOUNT_STATUSES)[number];
  /** Unix seconds; null never expires. */
  readonly expiresAt: number | null;
  /** Sessions at once; 0 is no limit. */
  readonly maxConnections: number;
  readonly isTrial: boolean;
  readonly formats: readonly Format[];
  /** Categories whose channels it may watch; null is all of them. */
  readonly categoryIds: readonly number[] | null;
  readonly notes: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** Unix seconds; null where nobody has logged in yet. */
  readonly lastLoginAt: number | null;
  /** Counts changes, for optimistic concurrency. */
  readonly version: number;
}

/** Whether an account may watch now, and why not. */
export const STANDINGS = ['active', 'expired', 'disabled', 'banned'] as const;
/** One of {@link STANDINGS}. */
export type Standing = (typeof STANDINGS)[number];

/** How an account stands. What an administrator said comes before its expiry. */
export function standingOf({ status, expiresAt }: Pick<Account, 'status' | 'expiresAt'>, nowS: number): Standing {
  if (status !== 'active') return status;
  return expiresAt !== null && expiresAt <= nowS ? 'expired' : 'active';
}

/** Many players put names and passwords into addresses as they are (xtream-api 0.14). */
const SAFE = /^[\w.@-]*$/;
const UNSAFE = 'may hold letters (a to z), digits and . _ - @ only';
const MAX_SECONDS = 253_402_300_799; // The last second of the year 9999.

const username = z.string().min(1).max(64).regex(SAFE, UNSAFE);
const settings = {
  status: z.enum(ACCOUNT_STATUSES),
  expiresAt: z.int().min(0).max(MAX_SECONDS).nullable(),
  maxConnections: z.int().min(0).max(10_000),
  isTrial: z.boolean(),
  formats: z
    .array(z.enum(FORMATS))
    .min(1)
    .transform(formats => [...new Set(formats)]),
  categoryIds: z
    .array(z.int().positive())
    .max(10_000)
    .transform(ids => [...new Set(ids)])
    .nullable(),
  notes: z.string().max(10_000),
};

/** The length is checked where passwords are chosen; those that moved in keep working as they are. */
const password = z.string().min(4).max(128).regex(SAFE, UNSAFE);

/** A new account; what is left out gets its usual value. */
export const accountInput = z.strictObject({ username, password, ...z.object(settings).partial().shape });
/** What of an account is changed. */
export const accountChange = z.strictObject(z.object({ username, password, ...settings }).partial().shape);
/** A new account whose password only its former home knew. */
export const accountMovedIn = z.strictObject({ username, ...z.object(settings).partial().shape });

/** See {@link accountInput}. */
export type AccountInput = z.input<typeof accountInput>;
/** See {@link accountChange}. */
export type AccountChange = z.input<typeof accountChange>;
/** See {@link accountMovedIn}. */
export type AccountMovedIn = z.input<typeof accountMovedIn>;

/**
 * Reads what somebody wants to write.
 * @throws SluiceError `account_invalid`, naming every field that is wrong, and never its value
 */
export function parseAccount<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value, { reportInput: false });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join('.')}: ${message}` : message,
  );
  throw new SluiceError('account_invalid', `The account can't be like this: ${problems.join('; ')}.`);
}

/** The columns that hold what the fields of `settings` say; what is undefined is left out. */
export function columnsOf(fields: Omit<z.output<typeof accountChange>, 'password'>): Partial<Row<'accounts'>> {
  const { username: name, status, expiresAt, maxConnections, isTrial, formats, categoryIds, notes } = fields;
  return {
    ...(name !== undefined && { username: name }),
    ...(status !== undefined && { status }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(maxConnections !== undefined && { max_connections: maxConnections }),
    ...(isTrial !== undefined && { is_trial: Number(isTrial) }),
    ...(formats !== undefined && { formats: JSON.stringify(formats) }),
    ...(categoryIds !== undefined && { category_ids: categoryIds === null ? null : JSON.stringify(categoryIds) }),
    ...(notes !== undefined && { notes }),
  };
}

/** An account as its row tells it. */
export function accountOf(row: Row<'accounts'>): Account {
  return {
    id: row.id,
    username: row.username,
    status: row.status,
    expiresAt: row.expires_at,
    maxConnections: row.max_connections,
    isTrial: row.is_trial !== 0,
    formats: JSON.parse(row.formats) as Format[],
    categoryIds: row.category_ids === null ? null : (JSON.parse(row.category_ids) as number[]),
    notes: row.notes,
    createdAt: row.created_at,
    lastLoginAt: row.last_login_at,
    version: row.version,
  };
}
