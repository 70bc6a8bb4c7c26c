/** Reads the database of the program that this one replaces, of whichever age its tables are. */
import { DatabaseError, openFile } from '../catalog/database.ts';

/** The tables that are taken over. Which columns they have differs from version to version. */
export const LEGACY_TABLES = ['categories', 'channels', 'users', 'scraper_urls', 'epg_sources'] as const;
/** One of {@link LEGACY_TABLES}. */
export type LegacyTable = (typeof LEGACY_TABLES)[number];

/** Columns by name; those that an older version lacks are undefined. */
export type LegacyRow = Readonly<Record<string, unknown>>;

/** The rows of every table; undefined for a table that is missing. */
export type LegacyRows = Readonly<Record<LegacyTable, readonly LegacyRow[] | undefined>>;

/**
 * Reads everything at one moment, so that the old program may still be running.
 * @throws DatabaseError when there is nothing that could be taken over
 */
export function readLegacy(file: string): LegacyRows {
  const connection = openFile(file);
  try {
    connection.exec('BEGIN');
    const present = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
    const read = (table: LegacyTable): LegacyRow[] | undefined =>
      present.includes(table) ? (connection.prepare(`SELECT * FROM ${table}`).all() as LegacyRow[]) : undefined;
    const rows = Object.fromEntries(LEGACY_TABLES.map(table => [table, read(table)])) as Record<
      LegacyTable,
      LegacyRow[] | undefined
    >;
    connection.exec('COMMIT');
    if (present.includes('guide_sources')) throw new DatabaseError(`${file} is a database of Sluice: use restore.`);
    if (rows.channels === undefined && rows.users === undefined)
      throw new DatabaseError(`${file} has neither a table 'channels' nor a table 'users'.`);
    return rows;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(`${file} can't be read: ${(error as Error).message}`, { cause: error });
  } finally {
    connection.close();
  }
}
