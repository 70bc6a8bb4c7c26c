/** Takes over the database of the program that this one replaces. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { backUp } from '../catalog/backup.ts';
import { type Database, DatabaseError, inTransaction, openDatabase } from '../catalog/database.ts';
import { type LegacyRows, readLegacy } from './legacy-database.ts';
import { moveChannels } from './move-channels.ts';
import { moveLists } from './move-lists.ts';
import { moveUsers } from './move-users.ts';
import { type Remark, Report } from './report.ts';

/** Most conflicts that a message names; the rest is counted. */
const SHOWN_CONFLICTS = 20;

/** Why nothing was taken over: what is here already has the place of something there. */
export class ConflictError extends DatabaseError {
  /** All of them. */
  readonly conflicts: readonly Remark[];

  constructor(conflicts: readonly Remark[]) {
    const shown = conflicts.slice(0, SHOWN_CONFLICTS).map(({ table, row, text }) => `  ${table} ${row}: ${text}`);
    const more = conflicts.length - shown.length;
    super(
      [
        'Nothing was taken over, because it would replace what is here:',
        ...shown,
        ...(more > 0 ? [`  and ${more} more`] : []),
      ].join('\n'),
    );
    this.conflicts = conflicts;
  }
}

/**
 * Takes everything over, or nothing. The gateway must not be running: it would not notice.
 * @throws DatabaseError when one of the databases can't be used
 * @throws ConflictError
 */
export async function moveIn(legacyFile: string, databaseFile: string): Promise<Report> {
  const rows = readLegacy(legacyFile);
  const database = openDatabase(databaseFile, { alone: true });
  try {
    return moveRows(rows, database);
  } finally {
    await database.close();
  }
}

/** Does the same to a copy, which is thrown away. The gateway may be running. @throws as {@link moveIn} */
export async function rehearse(legacyFile: string, databaseFile: string): Promise<Report> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-rehearsal-'));
  const copy = path.join(folder, 'copy.db');
  try {
    if (existsSync(databaseFile)) backUp(databaseFile, copy);
    return await moveIn(legacyFile, copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Moves rows in one transaction. @throws ConflictError, and then nothing has changed */
export function moveRows(rows: LegacyRows, { connection }: Database): Report {
  return inTransaction(connection, () => {
    const report = new Report();
    moveChannels(connection, rows, report);
    moveUsers(connection, rows, report);
    moveLists(connection, rows, report);
    if (report.conflicts.length > 0) throw new ConflictError(report.conflicts);
    return report;
  });
}
