/** Brings the catalogue to what a list says. Whoever calls holds the transaction, and has computed the difference. */
import { POSITION_GAP } from '../../../src/catalog/channel-order.ts';
import { type Database, numberOf } from '../../../src/catalog/database.ts';

type Connection = Database['connection'];

/** A channel that its list has had no more for this long, and that nobody edited, is removed for good. */
const KEEP_MISSING_S = 30 * 86_400;

/** Writes the difference that the temporary tables hold. */
export function applyDiff(connection: Connection, importId: number): void {
  addCategories(connection, importId);
  changeChannels(connection);
  renewKeys(connection);
  addChannels(connection, importId);
  writeSources(connection, importId);
  connection.exec(
    `UPDATE channels SET enabled = 0, version = version + 1, updated_at = unixepoch()
     WHERE id IN (SELECT channel_id FROM temp.vanished)`,
  );
  connection
    .prepare(
      `DELETE FROM channels WHERE import_id = ? AND enabled = 0 AND edited = '[]' AND updated_at < unixepoch() - ${KEEP_MISSING_S}
         AND id NOT IN (SELECT channel_id FROM temp.entry WHERE channel_id IS NOT NULL)`,
    )
    .run(importId);
}

function addCategories(connection: Connection, importId: number): void {
  connection.exec(
    `INSERT OR IGNORE INTO categories (name, position)
       SELECT category, (SELECT COALESCE(MAX(position), -1) FROM categories) + ROW_NUMBER() OVER (ORDER BY first)
       FROM temp.target WHERE category_id IS NULL ORDER BY first;
     UPDATE temp.target SET category_id = (SELECT id FROM categories WHERE name = target.category)
       WHERE category_id IS NULL`,
  );
  connection
    .prepare('INSERT OR IGNORE INTO import_groups SELECT ?, group_key, category_id FROM temp.target')
    .run(importId);
}

function changeChannels(connection: Connection): void {
  const set = ['name', 'logo_url', 'guide_id', 'number'].map(column => takeOver(column, `listed.${column}`));
  set.push(takeOver('category_id', 'target.category_id'), takeOver('enabled', '1'));
  connection.exec(
    `UPDATE channels SET ${set.join(', ')}, version = version + 1, updated_at = unixepoch()
     FROM temp.change JOIN temp.staged AS listed ON listed.n = change.n
       JOIN temp.target AS target ON target.group_key = listed.group_key
     WHERE channels.id = change.channel_id`,
  );
}

const takeOver = (column: string, value: string): string =>
  `${column} = CASE WHEN instr(change.fields, '${column},') > 0 THEN ${value} ELSE channels.${column} END`;

/** One that was recognised by a trait is known by its new identity from now on. */
function renewKeys(connection: Connection): void {
  connection.exec(
    `UPDATE channels SET import_key = entry.key FROM temp.entry
     WHERE channels.id = entry.channel_id AND channels.import_key <> entry.key`,
  );
}

/** New ones come behind all others, in the order of the list. */
function addChannels(connection: Connection, importId: number): void {
  const last = numberOf(connection, 'SELECT COALESCE(MAX(position), 0) FROM channels');
  connection
    .prepare(
      `INSERT INTO channels (name, number, category_id, logo_url, guide_id, position, import_id, import_key, added_at, updated_at)
       SELECT listed.name, listed.number, target.category_id, listed.logo_url, listed.guide_id,
              @last + ${POSITION_GAP} * ROW_NUMBER() OVER (ORDER BY entry.n), @importId, entry.key, unixepoch(), unixepoch()
       FROM temp.entry JOIN temp.staged AS listed ON listed.n = entry.n
         JOIN temp.target AS target ON target.group_key = listed.group_key
       WHERE entry.channel_id IS NULL ORDER BY entry.n`,
    )
    .run({ last, importId });
  connection.exec(`
    DROP TABLE IF EXISTS temp.rewritten;
    CREATE TEMP TABLE rewritten (channel_id INTEGER PRIMARY KEY, n INTEGER NOT NULL);
  `);
  connection
    .prepare(
      `INSERT INTO temp.rewritten SELECT channels.id, entry.n FROM temp.entry
       JOIN channels ON channels.import_id = ? AND channels.import_key = entry.key WHERE entry.channel_id IS NULL`,
    )
    .run(importId);
}

const SAME_ADDRESS = `sources.value = wanted.value AND sources.kind = wanted.kind
  AND sources.selector IS wanted.selector AND sources.options = wanted.options`;

/**
 * Sources that stay keep their ids, and whether they are enabled. Those added by hand are not touched, unless the list
 * has come to bring the same.
 */
function writeSources(connection: Connection, importId: number): void {
  connection.exec(
    `INSERT OR IGNORE INTO temp.rewritten SELECT channel_id, n FROM temp.change WHERE instr(fields, 'sources,') > 0`,
  );
  connection
    .prepare(
      `DELETE FROM sources WHERE +import_id = ? AND channel_id IN (SELECT channel_id FROM temp.rewritten) AND NOT EXISTS (
         SELECT 1 FROM temp.rewritten JOIN temp.wanted USING (n)
         WHERE rewritten.channel_id = sources.channel_id AND ${SAME_ADDRESS})`,
    )
    .run(importId);
  connection
    .prepare(
      `UPDATE sources SET rank = wanted.rank, import_id = ? FROM temp.rewritten JOIN temp.wanted USING (n)
       WHERE sources.channel_id = rewritten.channel_id AND ${SAME_ADDRESS}`,
    )
    .run(importId);
  connection
    .prepare(
      `INSERT INTO sources (channel_id, rank, kind, selector, value, options, import_id)
       SELECT rewritten.channel_id, wanted.rank, wanted.kind, wanted.selector, wanted.value, wanted.options, ?
       FROM temp.rewritten JOIN temp.wanted USING (n)
       WHERE NOT EXISTS (SELECT 1 FROM sources WHERE sources.channel_id = rewritten.channel_id AND ${SAME_ADDRESS})
       ORDER BY rewritten.n, wanted.rank`,
    )
    .run(importId);
}
