/**
 * Finds the channel of each entry. Most are known by their whole identity. What is left on both sides is compared by one
 * trait after the other (id of the guide, address, name), and taken for the same where it is unmistakable: the trait
 * belongs to one channel of the list, and to one of the catalogue.
 */
import type { Database } from '../../../src/catalog/database.ts';

type Connection = Database['connection'];

/** Sets `channel_id` of all entries that the catalogue has, and drops those that an administrator deleted. */
export function matchEntries(connection: Connection, importId: number): void {
  connection
    .prepare(
      `UPDATE temp.entry SET channel_id =
         (SELECT id FROM channels WHERE import_id = ? AND import_key = entry.key)`,
    )
    .run(importId);
  connection
    .prepare(
      `DELETE FROM temp.entry WHERE channel_id IS NULL
         AND key IN (SELECT import_key FROM import_omissions WHERE import_id = ?)`,
    )
    .run(importId);
  if (!hasLeftOver(connection, importId)) return;
  connection.exec(
    'DROP TABLE IF EXISTS temp.known; CREATE TEMP TABLE known (id INTEGER PRIMARY KEY, name_key TEXT, guide_key TEXT)',
  );
  connection
    .prepare(
      `INSERT INTO temp.known SELECT id, import_key ->> 0, import_key ->> 2 FROM channels
       WHERE import_id = ? AND import_key IS NOT NULL`,
    )
    .run(importId);
  matchByColumn(connection, 'guide_key');
  matchByAddress(connection, importId);
  matchByColumn(connection, 'name_key');
}

function hasLeftOver(connection: Connection, importId: number): boolean {
  const isNew = connection.prepare('SELECT 1 FROM temp.entry WHERE channel_id IS NULL LIMIT 1').get();
  const isGone = connection
    .prepare(
      'SELECT 1 FROM channels WHERE import_id = ? AND id NOT IN (SELECT channel_id FROM temp.entry WHERE channel_id IS NOT NULL) LIMIT 1',
    )
    .get(importId);
  return isNew !== undefined && isGone !== undefined;
}

/** Both sides are counted whole, so that a name is no trait where a channel that is matched has it too. */
function matchByColumn(connection: Connection, column: 'guide_key' | 'name_key'): void {
  connection.exec(
    `UPDATE temp.entry SET channel_id = pair.id FROM (
       SELECT listed.n, known.id FROM
         (SELECT MIN(entry.n) AS n, ${column} FROM temp.entry JOIN temp.staged ON staged.n = entry.n
          WHERE ${column} <> '' GROUP BY ${column} HAVING COUNT(*) = 1) AS listed
         JOIN (SELECT MIN(id) AS id, ${column} FROM temp.known
               WHERE ${column} <> '' GROUP BY ${column} HAVING COUNT(*) = 1) AS known USING (${column})
     ) AS pair
     WHERE pair.n = entry.n AND entry.channel_id IS NULL AND ${isFree('pair.id')}`,
  );
}

function matchByAddress(connection: Connection, importId: number): void {
  connection.exec(`
    DROP TABLE IF EXISTS temp.shared;
    CREATE TEMP TABLE shared (n INTEGER, id INTEGER, UNIQUE (n, id));
  `);
  connection
    .prepare(
      `INSERT OR IGNORE INTO temp.shared SELECT listed.n, known.id FROM
         (SELECT MIN(n) AS n, kind, selector, value FROM temp.wanted GROUP BY kind, selector, value HAVING COUNT(DISTINCT n) = 1) AS listed
         JOIN (SELECT MIN(channel_id) AS id, kind, selector, value FROM sources WHERE import_id = ?
               GROUP BY kind, selector, value HAVING COUNT(DISTINCT channel_id) = 1) AS known
           ON known.value = listed.value AND known.kind = listed.kind AND known.selector IS listed.selector
         JOIN temp.entry ON entry.n = listed.n
       WHERE entry.channel_id IS NULL AND ${isFree('known.id')}`,
    )
    .run(importId);
  connection.exec(
    `UPDATE temp.entry SET channel_id = pair.id FROM (
       SELECT n, MIN(id) AS id FROM temp.shared WHERE id IN (SELECT id FROM temp.shared GROUP BY id HAVING COUNT(*) = 1)
       GROUP BY n HAVING COUNT(*) = 1
     ) AS pair WHERE pair.n = entry.n`,
  );
}

const isFree = (id: string): string =>
  `${id} IN (SELECT id FROM temp.known) AND ${id} NOT IN (SELECT channel_id FROM temp.entry WHERE channel_id IS NOT NULL)`;
