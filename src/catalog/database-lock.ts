/**
 * Tells who uses a database. SQLite's own locks are let go between two transactions, so they say nothing about a gateway
 * that happens to be idle. A second, empty database beside it is locked for as long as the first one is open instead;
 * the kernel lets go of that lock when a process ends, in whatever way.
 */
import Connection from 'libsql';

/** How long a wish to be alone may keep those waiting that want to share; it is granted or refused at once. */
const BUSY_TIMEOUT_MS = 2_000;

/** A lock that is held until it is released. */
export interface DatabaseLock {
  release(): void;
}

/** The file whose lock says who uses the database at `path`. */
export function lockFileOf(path: string): string {
  return `${path}.lock`;
}

/**
 * Takes a lock of the database at `path`.
 * @param how `shared` with all who use it as well, or `alone`
 * @returns undefined when somebody else has it in a way that excludes this one
 */
export function lockDatabase(path: string, how: 'shared' | 'alone'): DatabaseLock | undefined {
  const connection = new Connection(lockFileOf(path));
  const release = (): void => void connection.close();
  try {
    // No prepared statements: the driver would keep the connection, and the lock, until those are collected as garbage.
    connection.exec(`PRAGMA busy_timeout = ${how === 'shared' ? BUSY_TIMEOUT_MS : 0}`);
    // A shared lock is taken by reading.
    connection.exec(how === 'alone' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT COUNT(*) FROM sqlite_master');
    return { release };
  } catch (error) {
    release();
    if (String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
}
