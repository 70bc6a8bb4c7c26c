/** Says what a list would change, in temporary tables; the catalogue itself is only read. */
import { UNCATEGORIZED } from '../../../src/catalog/categories.ts';
import { type Database, numberOf } from '../../../src/catalog/database.ts';
import type { ImportCounts, ImportSamples } from '../../../src/catalog/import-run.ts';
import { matchEntries } from './matching.ts';

type Connection = Database['connection'];

/** How many of each kind a preview names. */
const SAMPLES = 20;

/** Columns that are compared, with what the list says of each. */
const COMPARED = [
  ['name', 'listed.name'],
  ['category_id', 'target.category_id'],
  ['logo_url', 'listed.logo_url'],
  ['guide_id', 'listed.guide_id'],
  ['number', 'listed.number'],
  ['enabled', '1'],
] as const;

const notEdited = (column: string): string => `instr(channels.edited, '"${column}"') = 0`;

/**
 * Whether this channel's sources are others than the list's, or in another order. The plus signs keep the planner from
 * going through all sources of the import for each channel.
 */
const SOURCES_DIFFER = `(
  SELECT COUNT(*) FROM sources WHERE channel_id = channels.id AND +import_id = channels.import_id
) <> (
  SELECT COUNT(*) FROM temp.wanted WHERE wanted.n = entry.n
) OR EXISTS (
  SELECT 1 FROM temp.wanted WHERE wanted.n = entry.n AND NOT EXISTS (
    SELECT 1 FROM sources WHERE channel_id = channels.id AND sources.rank = wanted.rank AND sources.value = wanted.value
      AND sources.kind = wanted.kind AND sources.selector IS wanted.selector AND sources.options = wanted.options
      AND +sources.import_id = channels.import_id))`;

/** Compares the staged list to the catalogue. It can be called again when the catalogue has changed since. */
export function computeDiff(connection: Connection, importId: number): void {
  matchEntries(connection, importId);
  connection.exec(`
    DROP TABLE IF EXISTS temp.target;
    CREATE TEMP TABLE target (group_key TEXT PRIMARY KEY, first INTEGER, category TEXT, category_id INTEGER);
    DROP TABLE IF EXISTS temp.change;
    CREATE TEMP TABLE change (channel_id INTEGER PRIMARY KEY, n INTEGER NOT NULL, fields TEXT NOT NULL);
    DROP TABLE IF EXISTS temp.vanished;
    CREATE TEMP TABLE vanished (channel_id INTEGER PRIMARY KEY);
  `);
  findCategories(connection, importId);
  const fields = COMPARED.map(
    ([column, listed]) =>
      `CASE WHEN channels.${column} IS NOT ${listed} AND ${notEdited(column)} THEN '${column},' ELSE '' END`,
  );
  fields.push(`CASE WHEN ${notEdited('sources')} AND (${SOURCES_DIFFER}) THEN 'sources,' ELSE '' END`);
  connection.exec(
    `INSERT INTO temp.change SELECT channels.id, entry.n, ${fields.join(' || ')}
     FROM temp.entry JOIN channels ON channels.id = entry.channel_id
     JOIN temp.staged AS listed ON listed.n = entry.n JOIN temp.target AS target ON target.group_key = listed.group_key;
     DELETE FROM temp.change WHERE fields = ''`,
  );
  connection
    .prepare(
      `INSERT INTO temp.vanished SELECT id FROM channels WHERE import_id = ? AND enabled = 1 AND ${notEdited('enabled')}
         AND id NOT IN (SELECT channel_id FROM temp.entry WHERE channel_id IS NOT NULL)`,
    )
    .run(importId);
}

/** The category of each group: what it became before, or one of its name, or none yet. */
function findCategories(connection: Connection, importId: number): void {
  connection
    .prepare(
      `INSERT INTO temp.target SELECT group_key, MIN(staged.n), COALESCE(category, ?), NULL
       FROM temp.staged JOIN temp.entry ON entry.n = staged.n GROUP BY group_key`,
    )
    .run(UNCATEGORIZED);
  connection
    .prepare(
      `UPDATE temp.target SET category_id = COALESCE(
         (SELECT category_id FROM import_groups WHERE import_id = ? AND group_key = target.group_key),
         (SELECT id FROM categories WHERE name = target.category),
         (SELECT MIN(id) FROM categories WHERE name = target.category COLLATE NOCASE))`,
    )
    .run(importId);
}

/** How much would change. */
export function countDiff(connection: Connection): ImportCounts {
  const count = (from: string): number => numberOf(connection, `SELECT COUNT(*) FROM ${from}`);
  return {
    added: count('temp.entry WHERE channel_id IS NULL'),
    changed: count('temp.change'),
    removed: count('temp.vanished'),
  };
}

/** The first few of each kind, for people. */
export function sampleDiff(connection: Connection): ImportSamples {
  const all = (sql: string): Record<string, string | number>[] =>
    connection.prepare(`${sql} LIMIT ${SAMPLES}`).all() as Record<string, string | number>[];
  const added = all(`SELECT listed.name, target.category FROM temp.entry JOIN temp.staged AS listed USING (n)
    JOIN temp.target AS target USING (group_key) WHERE channel_id IS NULL ORDER BY n`);
  const changed = all(`SELECT channels.id, channels.name, change.fields FROM temp.change
    JOIN channels ON channels.id = change.channel_id ORDER BY change.n`);
  const removed = all(`SELECT channels.id, channels.name FROM temp.vanished
    JOIN channels ON channels.id = vanished.channel_id ORDER BY channels.position`);
  return {
    added: added.map(({ name, category }) => ({ name: String(name), category: String(category) })),
    changed: changed.map(({ id, name, fields }) => ({
      id: Number(id),
      name: String(name),
      fields: String(fields).split(',').filter(Boolean),
    })),
    removed: removed.map(({ id, name }) => ({ id: Number(id), name: String(name) })),
  };
}
