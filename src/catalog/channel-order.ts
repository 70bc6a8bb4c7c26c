/** Reads and changes the order of channels. Positions lie far apart, so that a move changes one row. */
import { type ChannelEntry, entryOf } from './channel.ts';
import { type Database, numberOf } from './database.ts';
import type { Row } from './tables.ts';

/** Room for twenty moves to the same place before neighbours have to make room. */
export const POSITION_GAP = 1 << 20;
const CHUNK_ROWS = 1_000;

/** Which channels are meant; all of them where nothing is said. */
export interface ChannelFilter {
  /** Part of the name, in any case. */
  search?: string | undefined;
  categoryId?: number | undefined;
  enabled?: boolean | undefined;
  importId?: number | undefined;
}

type Connection = Database['connection'];

/** A filter as SQL, and the values for it. */
export function wherePart({ search, categoryId, enabled, importId }: ChannelFilter): {
  where: string;
  values: Record<string, string | number>;
} {
  const parts: string[] = [];
  const values: Record<string, string | number> = {};
  const add = (condition: string, name: string, value: string | number): void => {
    parts.push(condition);
    values[name] = value;
  };
  if (search !== undefined && search !== '')
    add("name LIKE @search ESCAPE '\\'", 'search', `%${search.replace(/[\\%_]/g, '\\$&')}%`);
  if (categoryId !== undefined) add('category_id = @categoryId', 'categoryId', categoryId);
  if (enabled !== undefined) add('enabled = @enabled', 'enabled', Number(enabled));
  if (importId !== undefined) add('import_id = @importId', 'importId', importId);
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values };
}

/** All channels that pass, in order, with no statement held open between them. */
export function* each(connection: Connection, filter: ChannelFilter): Generator<ChannelEntry> {
  const { where, values } = wherePart(filter);
  const next = connection.prepare(
    `SELECT * FROM channels ${where === '' ? 'WHERE' : `${where} AND`} (position, id) > (@position, @id)
     ORDER BY position, id LIMIT ${CHUNK_ROWS}`,
  );
  let last = { position: -Number.MAX_SAFE_INTEGER, id: 0 };
  for (;;) {
    const rows = next.all({ ...values, ...last }) as Row<'channels'>[];
    for (const row of rows) yield entryOf(row);
    const end = rows.at(-1);
    if (end === undefined || rows.length < CHUNK_ROWS) return;
    last = { position: end.position, id: end.id };
  }
}

/** Puts a channel at a place, counted from 0; behind all others where there are not that many. */
export function place(connection: Connection, id: number, target: number): void {
  let position = positionAt(connection, id, target);
  if (position === undefined) {
    spread(connection);
    position = positionAt(connection, id, target)!;
  }
  connection.prepare('UPDATE channels SET position = ? WHERE id = ?').run(position, id);
}

/** A number between the two that are to be its neighbours; undefined where they lie too close. */
function positionAt(connection: Connection, id: number, target: number): number | undefined {
  const positions = connection
    .prepare('SELECT position FROM channels WHERE id <> ? ORDER BY position, id LIMIT 2 OFFSET ?')
    .pluck()
    .all(id, Math.max(0, target - 1)) as number[];
  const [before, after] = target === 0 ? [undefined, positions[0]] : positions;
  if (after === undefined) return lastPosition(connection, id) + POSITION_GAP;
  if (before === undefined) return after - POSITION_GAP;
  return after - before > 1 ? Math.floor((before + after) / 2) : undefined;
}

function lastPosition(connection: Connection, id: number): number {
  return numberOf(connection, 'SELECT COALESCE(MAX(position), 0) FROM channels WHERE id <> ?', id);
}

/** Gives all channels their distance back. */
function spread(connection: Connection): void {
  connection.exec(
    `UPDATE channels SET position = ordered.place * ${POSITION_GAP} FROM
       (SELECT id, ROW_NUMBER() OVER (ORDER BY position, id) AS place FROM channels) AS ordered
     WHERE ordered.id = channels.id`,
  );
}
