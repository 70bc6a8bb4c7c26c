/** Writes the sources of channels. Whoever calls holds a transaction. */
import { SluiceError } from '../shared/errors.ts';
import { type ChannelSource, columnsOf, type SourceInput, sourceOf } from './channel.ts';
import type { Database } from './database.ts';
import type { Row } from './tables.ts';

/** Recovery tries one after the other, and gives up long before it has tried that many. */
export const MAX_SOURCES = 32;
/** Those added by hand come behind all that an import may bring. */
const FIRST_ADDED_RANK = 1000;

const SAME_ADDRESS = 'kind = @kind AND selector IS @selector AND value = @value AND options = @options';

/** The sources of many channels. */
export class ChannelSources {
  readonly #connection: Database['connection'];

  constructor(connection: Database['connection']) {
    this.#connection = connection;
  }

  /** By channel, in order of rank; channels without sources are left out. */
  of(channelIds: readonly number[]): Map<number, ChannelSource[]> {
    const rows = this.#connection
      .prepare(
        'SELECT * FROM sources WHERE channel_id IN (SELECT value FROM json_each(?)) ORDER BY channel_id, rank, id',
      )
      .all(JSON.stringify(channelIds)) as Row<'sources'>[];
    const byChannel = new Map<number, ChannelSource[]>();
    for (const row of rows) {
      const list = byChannel.get(row.channel_id) ?? [];
      list.push(sourceOf(row, list.length));
      byChannel.set(row.channel_id, list);
    }
    return byChannel;
  }

  /**
   * Replaces all of a channel's sources. Those that it has already keep their ids, and what they came from.
   * @throws SluiceError `catalog_invalid`
   */
  set(channelId: number, sources: readonly SourceInput[]): void {
    if (sources.length > MAX_SOURCES)
      throw new SluiceError('catalog_invalid', `A channel has ${MAX_SOURCES} sources at most.`);
    const find = this.#connection.prepare(`SELECT id FROM sources WHERE channel_id = @channelId AND ${SAME_ADDRESS}`);
    const keep = this.#connection.prepare('UPDATE sources SET rank = ?, enabled = ? WHERE id = ?');
    const kept: number[] = [];
    for (const [rank, { spec, enabled = true }] of sources.entries()) {
      const found = find.get({ channelId, ...columnsOf(spec) }) as { id: number } | undefined;
      if (found === undefined) kept.push(this.#insert(channelId, rank, spec, enabled));
      else if (kept.includes(found.id)) throw new SluiceError('catalog_invalid', 'A source is given twice.');
      else {
        keep.run(rank, Number(enabled), found.id);
        kept.push(found.id);
      }
    }
    this.#connection
      .prepare('DELETE FROM sources WHERE channel_id = ? AND id NOT IN (SELECT value FROM json_each(?))')
      .run(channelId, JSON.stringify(kept));
  }

  /**
   * Adds one behind all others.
   * @throws SluiceError `catalog_invalid`, or `catalog_conflict` when the channel has it already
   */
  add(channelId: number, { spec, enabled = true }: SourceInput): void {
    const has = this.#connection.prepare(`SELECT 1 FROM sources WHERE channel_id = @channelId AND ${SAME_ADDRESS}`);
    if (has.get({ channelId, ...columnsOf(spec) }) !== undefined)
      throw new SluiceError('catalog_conflict', 'The channel has this source already.');
    const { count, last } = this.#connection
      .prepare('SELECT COUNT(*) AS count, COALESCE(MAX(rank), -1) AS last FROM sources WHERE channel_id = ?')
      .get(channelId) as { count: number; last: number };
    if (count >= MAX_SOURCES) throw new SluiceError('catalog_invalid', `A channel has ${MAX_SOURCES} sources at most.`);
    this.#insert(channelId, Math.max(FIRST_ADDED_RANK, last + 1), spec, enabled);
  }

  /**
   * Removes one.
   * @returns the import that brought it, or null
   * @throws SluiceError `catalog_not_found`
   */
  remove(channelId: number, sourceId: number): number | null {
    const removed = this.#connection
      .prepare('DELETE FROM sources WHERE id = ? AND channel_id = ? RETURNING import_id AS importId')
      .get(sourceId, channelId) as { importId: number | null } | undefined;
    if (removed === undefined) throw new SluiceError('catalog_not_found', 'The channel has no such source.');
    return removed.importId;
  }

  #insert(channelId: number, rank: number, spec: SourceInput['spec'], enabled: boolean): number {
    const { id } = this.#connection
      .prepare(
        `INSERT INTO sources (channel_id, rank, kind, selector, value, options, enabled)
         VALUES (@channelId, @rank, @kind, @selector, @value, @options, @enabled) RETURNING id`,
      )
      .get({ channelId, rank, enabled: Number(enabled), ...columnsOf(spec) }) as { id: number };
    return id;
  }
}
