/** Opens the catalogue's database. The front reads through it; imports write through connections of their own. */
import { Kysely, SqliteDialect } from 'kysely';
import Connection from 'libsql';
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
 * @throws DatabaseError when it is of a newer version than this program knows, or no database at all
 */
export function openDatabase(path: string): Database {
  const connection = connect(path);
  try {
    migrate(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
  const query = new Kysely<Tables>({ dialect: new SqliteDialect({ database: connection }) });
  const close = async (): Promise<void> => {
    await query.destroy();
    // Kysely leaves alone what it was never asked to use, and an open connection keeps its locks and its memory.
    if (connection.open) connection.close();
  };
  return { query, connection, close };
}

function connect(path: string): Connection.Database {
  try {
    const connection = new Connection(path);
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = NORMAL'); // With WAL a crash loses the last commits at most, never the order.
    connection.pragma('foreign_keys = ON');
    connection.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return connection;
  } catch (error) {
    throw new DatabaseError(`The database ${path} can't be opened: ${(error as Error).message}`, { cause: error });
  }
}

/** The version a database is at. */
function versionOf(connection: Connection.Database): number {
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
