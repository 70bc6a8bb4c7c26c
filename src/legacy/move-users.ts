/** Takes over viewers' logins: the hashes of their passwords stay valid, and are replaced at the next login. */
import { type AccountMovedIn, accountMovedIn, columnsOf, parseAccount } from '../accounts/account.ts';
import { storedBcrypt } from '../accounts/passwords.ts';
import type { Database } from '../catalog/database.ts';
import { SluiceError } from '../shared/errors.ts';
import type { LegacyRow, LegacyRows } from './legacy-database.ts';
import type { Report } from './report.ts';
import { flagOf, formatsOf, integerOf, momentOf, textOf } from './values.ts';

const MAX_CONNECTIONS = 10_000;
const MAX_NOTES_CHARS = 10_000;

/** Takes over all users who are no administrators. */
export function moveUsers(connection: Database['connection'], { users }: LegacyRows, report: Report): void {
  const taken = new Set(connection.prepare('SELECT username FROM accounts').pluck().all() as string[]);
  const moved = new Set<string>();
  for (const row of users ?? []) {
    const username = textOf(row.username) ?? '';
    const hash = storedBcrypt(textOf(row.password_hash) ?? '');
    if (flagOf(row.is_admin, false))
      report.skip('users', row, 'an administrator there; make a new one here, with a new password');
    else if (taken.has(username)) report.conflict('users', row, `an account '${username}' is here already`);
    else if (moved.has(username)) report.skip('users', row, 'another user has the same name');
    else if (hash === undefined) report.skip('users', row, 'the hash of its password is none of bcrypt');
    else if (insert(connection, row, { ...fieldsOf(row, report), username }, hash, report)) moved.add(username);
  }
}

function insert(
  connection: Database['connection'],
  row: LegacyRow,
  input: AccountMovedIn,
  hash: string,
  report: Report,
): boolean {
  try {
    const columns = {
      ...columnsOf(parseAccount(accountMovedIn, input)),
      password_hash: hash,
      created_at: momentOf(row.created_at) ?? Math.floor(Date.now() / 1000),
    };
    const names = Object.keys(columns);
    connection
      .prepare(`INSERT INTO accounts (${names.join(', ')}) VALUES (${names.map(name => `@${name}`).join(', ')})`)
      .run(columns);
    report.count('users', 'moved');
    return true;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    report.skip('users', row, error.message);
    return false;
  }
}

function fieldsOf(row: LegacyRow, report: Report): Omit<AccountMovedIn, 'username'> {
  const remark = (text: string): void => report.remark('users', row, text);
  const expiresAt = momentOf(row.expiry_date);
  // Whoever can't be told when it ends must not watch for ever.
  if (expiresAt === undefined) remark('disabled, because its expiry_date is no date');
  const formats = formatsOf(row.allowed_output_formats);
  if (formats === undefined && textOf(row.allowed_output_formats) !== undefined)
    remark('allowed_output_formats names none that is known here: it gets the usual one');
  return {
    status: flagOf(row.is_active, true) && expiresAt !== undefined ? 'active' : 'disabled',
    expiresAt: expiresAt ?? null,
    maxConnections: connectionsOf(row, remark),
    isTrial: flagOf(row.is_trial, false),
    notes: notesOf(row, remark),
    ...(formats && { formats }),
  };
}

function connectionsOf(row: LegacyRow, remark: (text: string) => void): number {
  const wanted = integerOf(row.max_connections);
  if (wanted !== undefined && wanted >= 0 && wanted <= MAX_CONNECTIONS) return wanted;
  const given = wanted !== undefined && wanted > MAX_CONNECTIONS ? MAX_CONNECTIONS : 1;
  if (textOf(row.max_connections) !== undefined)
    remark(`max_connections is no number from 0 to ${MAX_CONNECTIONS}: it gets ${given}`);
  return given;
}

function notesOf(row: LegacyRow, remark: (text: string) => void): string {
  const notes = textOf(row.notes) ?? '';
  if (notes.length <= MAX_NOTES_CHARS) return notes;
  remark(`its notes are cut after ${MAX_NOTES_CHARS} characters`);
  return notes.slice(0, MAX_NOTES_CHARS);
}
