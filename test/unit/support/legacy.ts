import { writeFileSync } from 'node:fs';
import { openFile } from '../../../src/catalog/database.ts';

/** A value as SQLite holds it. */
export type LegacyValue = string | number | null;

/** Rows of an old database. Columns that no row has are missing in its tables, and tables that are left out, too. */
export type LegacyFixture = Record<string, readonly Record<string, LegacyValue>[]>;

const TYPES: Record<string, string> = {
  id: 'INTEGER PRIMARY KEY',
  is_active: 'BOOLEAN',
  max_connections: 'INTEGER',
  expiry_date: 'DATETIME',
  display_order: 'INTEGER',
};

/** Columns of tables that have no rows. */
const USUAL: Record<string, readonly string[]> = {
  categories: ['id', 'name'],
  channels: ['id', 'name', 'acestream_id', 'stream_url', 'category_id'],
  users: ['id', 'username', 'password_hash', 'is_active'],
};

/** Writes such an `old.db` as the original would have. */
export function buildLegacy(file: string, fixture: LegacyFixture): void {
  writeFileSync(file, '');
  const connection = openFile(file, { writable: true });
  for (const [table, rows] of Object.entries(fixture)) {
    const columns = [
      ...new Set([...(rows.length === 0 ? (USUAL[table] ?? ['id']) : []), ...rows.flatMap(row => Object.keys(row))]),
    ];
    connection.exec(`CREATE TABLE ${table} (${columns.map(name => `${name} ${TYPES[name] ?? 'TEXT'}`).join(', ')})`);
    const insert = connection.prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    for (const row of rows) insert.run(...columns.map(name => row[name] ?? null));
  }
  connection.close();
}
