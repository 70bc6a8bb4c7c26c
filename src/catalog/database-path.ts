import path from 'node:path';
import { DatabaseError } from './database.ts';

const FILE_NAME = 'sluice.db';

/**
 * The file that DATABASE_URL names, as SQLAlchemy writes it: `sqlite:///x.db` is relative to the working directory,
 * `sqlite:////x.db` absolute. A plain path behind the colon does, too.
 * @throws DatabaseError for a database in memory, which jobs could not share
 */
export function databasePath(databaseUrl: string | undefined, dataDir: string): string {
  if (databaseUrl === undefined) return path.resolve(dataDir, FILE_NAME);
  const [named = ''] = databaseUrl.replace(/^sqlite:(\/\/\/?)?/, '').split('?', 1);
  if (named === '' || named === ':memory:')
    throw new DatabaseError('DATABASE_URL must name a file: a database in memory would be empty after every restart.');
  return path.resolve(named);
}
