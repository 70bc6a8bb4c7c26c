/** Opens the catalogue's database. The front reads through it; imports write through connections of their own. */
import { existsSync } from 'node:fs';
import { Kysely, SqliteDialect } from 'kysely';
import Connection from 'libsql';
import { type DatabaseLock, lockDatabase } from './database-lock.ts';
import { MIGRATIONS } from './migrations.ts';
import type { Tables } from './tables.ts';

/** Another connection may be writing; an import's transaction takes a second or two. */
const BUSY_TIMEOUT_MS = 15_000;

/** A database that can't be used. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** An open catalogue. */
export interface Database {
  /** Typed queries. They run on the calling thread and hold it up, so they must be small. */
  readonly query: Kysely<Tables>;
  /** The connection itself, for prepared statements in hot paths and for bulk work in jobs. */
  readonly connection: Connection.Database;
  close(): Promise<void>;
}

/**
 * Opens the database and brings its tables up to date.
 * @param path a file, made when it is missing, or `:memory:`
 * @param options.alone whether nobody else may have it open meanwhile
 * @throws DatabaseError when it is of a newer version than this program knows, no database at all, or in use in a way
 *   that excludes this one
 */
export function openDatabase(path: string, { alone = false }: { alone?: boolean } = {}): Database {
  const lock = path === ':memory:' ? undefined : lockFor(path, alone);
  let connection: Connection.Database | undefined;
  try {
    connection = connect(path);
    migrate(connection);
  } catch (error) {
    connection?.close();
    lock?.release();
    throw error;
  }
  const query = new Kysely<Tables>({ dialect: new SqliteDialect({ database: connection }) });
  const close = async (): Promise<void> => {
    await query.destroy();
    // Kysely leaves alone what it was never asked to use, and an open connection keeps its locks and its memory.
    if (connection.open) connection.close();
    lock?.release();
  };
  return { query, connection, close };
}

function lockFor(path: string, alone: boolean): DatabaseLock {
  const lock = attempt(path, () => lockDatabase(path, alone ? 'alone' : 'shared'));
  if (lock !== undefined) return lock;
  throw new DatabaseError(
    alone
      ? `The database ${path} is in use: stop the gateway first.`
      : `The database ${path} is being replaced or filled by another program: try again when that has ended.`,
  );
}

function connect(path: string): Connection.Database {
  return attempt(path, () => {
    const connection = new Connection(path);
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = NORMAL'); // With WAL a crash loses the last commits at most, never the order.
    connection.pragma('foreign_keys = ON');
    connection.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return connection;
  });
}

/**
 * Opens a database file as it is, without bringing anything up to date.
 * @throws DatabaseError when it can't be opened
 */
export function openFile(path: string, { writable = false } = {}): Connection.Database {
  return attempt(path, () => {
    // The driver would make it, and knows no read-only mode.
    if (!existsSync(path)) throw new Error('there is no such file');
    const connection = new Connection(path);
    connection.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    if (!writable) connection.pragma('query_only = ON');
    return connection;
  });
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new DatabaseError(`The database ${path} can't be opened: ${(error as Error).message}`, { cause: error });
  }
}

/** The version a database is at. */
export function versionOf(connection: Connection.Database): number {
  const [{ user_version: version }] = connection.pragma('user_version') as [{ user_version: number }];
  return version;
}

function migrate(connection: Connection.Database): void {
  if (versionOf(connection) > MIGRATIONS.length)
    throw new DatabaseError(
      `The database is of version ${versionOf(connection)}, and this program knows versions up to ${MIGRATIONS.length}: run the newer program, or restore a backup.`,
    );
  // Under the lock of a write transaction: another program may be doing the same at this moment.
  for (;;) {
    connection.exec('BEGIN IMMEDIATE');
    const version = versionOf(connection);
    const statements = MIGRATIONS[version];
    if (statements === undefined) {
      connection.exec('COMMIT');
      return;
    }
    try {
      for (const statement of statements) connection.exec(statement);
      connection.pragma(`user_version = ${version + 1}`);
      connection.exec('COMMIT');
    } catch (error) {
      connection.exec('ROLLBACK');
      throw error;
    }
  }
}

/** Runs work that is done as a whole or not at all. It may be part of a larger such work. */
export function inTransaction<T>(connection: Connection.Database, work: () => T): T {
  if (connection.inTransaction) return work();
  connection.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    connection.exec('COMMIT');
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK'); // SQLite may have done so itself.
    throw error;
  }
}

/** The number that a query gives: the first column of its only row. (`get` of this driver does not pluck.) */
export function numberOf(connection: Connection.Database, sql: string, ...values: (string | number)[]): number {
  const [value] = connection.prepare(sql).pluck().all(values) as number[];
  return value!;
}
