/** Copies the database while it is in use, and puts such a copy back. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { DatabaseError, openFile, versionOf } from './database.ts';
import { lockDatabase } from './database-lock.ts';
import { MIGRATIONS } from './migrations.ts';

/** Tables that tell a database of this program from any other. */
const OUR_TABLES = ['accounts', 'channels', 'sources'];
/** What SQLite keeps beside a database. */
const COMPANIONS = ['-wal', '-shm', '-journal'];

/** A moment as part of a file's name, in UTC. */
export function stampOf(moment: Date): string {
  return moment
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '');
}

/**
 * Copies a database as it is at one moment, whoever is reading and writing it, and checks the copy.
 * @param to must not exist; it appears only when it is complete
 * @throws DatabaseError, and then there is no copy
 */
export function backUp(from: string, to: string): void {
  if (existsSync(to)) throw taken(to);
  mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
  const draft = copyChecked(from, to);
  try {
    putInPlace(draft, to);
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Replaces a database by a copy of another one, which is checked first.
 * @returns where the replaced database is now; undefined when there was none
 * @throws DatabaseError, and then nothing has changed
 */
export function restore(file: string, database: string, now = new Date()): string | undefined {
  mkdirSync(path.dirname(database), { recursive: true, mode: 0o700 });
  const lock = lockDatabase(database, 'alone');
  if (lock === undefined) throw new DatabaseError(`A gateway is using ${database}: stop it first.`);
  try {
    const draft = copyChecked(file, database);
    try {
      const aside = existsSync(database) ? setAside(database, stampOf(now)) : undefined;
      renameSync(draft, database);
      flush(path.dirname(database));
      return aside;
    } finally {
      rmSync(draft, { force: true });
    }
  } finally {
    lock.release();
  }
}

/** @returns the name of a checked copy beside `to`, on the same file system */
function copyChecked(from: string, to: string): string {
  const draft = `${to}.${process.pid}.part`;
  try {
    // It holds the hashes of passwords. SQLite takes an empty file for a new database, and leaves its mode alone.
    writeFileSync(draft, '', { mode: 0o600 });
    chmodSync(draft, 0o600);
    const version = copy(from, draft);
    check(draft, version);
    flush(draft);
    return draft;
  } catch (error) {
    rmSync(draft, { force: true });
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(`${from} can't be copied: ${(error as Error).message}`, { cause: error });
  }
}

/** @returns the version of what was copied */
function copy(from: string, to: string): number {
  const source = openFile(from);
  try {
    const version = versionOf(source);
    if (version > MIGRATIONS.length)
      throw new DatabaseError(
        `${from} is of version ${version}, and this program knows versions up to ${MIGRATIONS.length}.`,
      );
    const names = source.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all() as string[];
    if (version === 0 || !OUR_TABLES.every(table => names.includes(table)))
      throw new DatabaseError(`${from} is no database of this program.`);
    const problem = problemOf(source);
    if (problem !== undefined) throw new DatabaseError(`${from} is damaged: ${problem}.`);
    source.pragma('query_only = OFF'); // It counts copying as writing.
    source.prepare('VACUUM INTO ?').run(to);
    return version;
  } finally {
    source.close();
  }
}

function check(copied: string, version: number): void {
  const connection = openFile(copied);
  try {
    const problem = problemOf(connection);
    if (problem !== undefined) throw new DatabaseError(`The copy is damaged: ${problem}.`);
    if (versionOf(connection) !== version)
      throw new DatabaseError(`The copy is of version ${versionOf(connection)} instead of ${version}.`);
  } finally {
    connection.close();
  }
}

/** What SQLite finds wrong with a database, in its words. */
function problemOf(connection: ReturnType<typeof openFile>): string | undefined {
  const [first] = connection.pragma('integrity_check(1)') as { integrity_check: string }[];
  return first?.integrity_check === 'ok' ? undefined : (first?.integrity_check ?? 'it does not say what is wrong');
}

/** Links, so that a file that appeared meanwhile is not overwritten. */
function putInPlace(draft: string, to: string): void {
  try {
    linkSync(draft, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken(to);
    renameSync(draft, to); // Some file systems know no links.
  }
  flush(path.dirname(to));
}

/** Keeps a database under another name. It also stays where it is until it is replaced, wherever links are known. */
function setAside(database: string, stamp: string): string {
  const aside = `${database}.replaced-${stamp}`;
  if (existsSync(aside)) throw taken(aside);
  settle(database);
  for (const companion of COMPANIONS)
    if (existsSync(database + companion)) renameSync(database + companion, aside + companion);
  try {
    linkSync(database, aside);
  } catch {
    renameSync(database, aside);
  }
  return aside;
}

/** Brings what a gateway that was killed left in the log into the database itself, which is then one file. */
function settle(database: string): void {
  try {
    const connection = openFile(database, { writable: true });
    try {
      connection.pragma('journal_mode = DELETE');
    } finally {
      connection.close();
    }
  } catch {
    // It may be damaged, which is a reason to restore; then it is kept together with its log.
  }
}

/** Makes sure that a file or the names in a folder survive a power cut. */
function flush(target: string): void {
  const file = openSync(target, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function taken(file: string): DatabaseError {
  return new DatabaseError(`There is a file ${file} already.`);
}
