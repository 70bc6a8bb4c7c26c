/** The channels. Everything here is small enough for the front's thread; imports write on connections of their own. */
import { SluiceError } from '../shared/errors.ts';
import type { CatalogEvents } from './catalog-events.ts';
import { Categories } from './categories.ts';
import {
  type Channel,
  type ChannelEntry,
  type ChannelFields,
  type ChannelInput,
  COLUMNS,
  type EditedColumn,
  entryOf,
  type SourceInput,
} from './channel.ts';
import { type ChannelFilter, each, POSITION_GAP, place, wherePart } from './channel-order.ts';
import { ChannelSources } from './channel-sources.ts';
import { checkedName, checkedNumber, checkedPlace, checkedText, checkedWebAddress } from './checks.ts';
import { type Database, inTransaction, numberOf } from './database.ts';
import type { Row } from './tables.ts';

/** What is asked for most is opened most: a few channels at a time, far fewer than this. */
const CACHED_CHANNELS = 5_000;

/** A part of the list of channels. */
export interface ChannelPage {
  readonly items: Channel[];
  /** How many there are in all parts. */
  readonly total: number;
}

/** What many channels are made to be. */
export type BulkChange = { enabled: boolean } | { categoryId: number } | { delete: true };

/** The channels, with their sources. */
export class Channels {
  readonly #connection: Database['connection'];
  readonly #events: CatalogEvents;
  readonly #categories: Categories;
  readonly #sources: ChannelSources;
  readonly #cache = new Map<number, Channel>();
  #counts: { enabled: number; disabled: number } | undefined;

  constructor({ connection }: Pick<Database, 'connection'>, events: CatalogEvents) {
    this.#connection = connection;
    this.#events = events;
    this.#categories = new Categories({ connection }, events);
    this.#sources = new ChannelSources(connection);
    events.onChanged(() => {
      this.#cache.clear();
      this.#counts = undefined;
    });
  }

  /** One channel, from memory or by one indexed read. */
  get(id: number): Channel | undefined {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const row = this.#row(id);
    if (row === undefined) return undefined;
    const channel = { ...entryOf(row), sources: this.#sources.of([id]).get(id) ?? [] };
    if (this.#cache.size >= CACHED_CHANNELS) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(id, channel);
    return channel;
  }

  /** A part of the list, in order of position. */
  page({ offset, limit, ...filter }: ChannelFilter & { offset: number; limit: number }): ChannelPage {
    const { where, values } = wherePart(filter);
    const { total } = this.#connection.prepare(`SELECT COUNT(*) AS total FROM channels ${where}`).get(values) as {
      total: number;
    };
    const rows = this.#connection
      .prepare(`SELECT * FROM channels ${where} ORDER BY position, id LIMIT @limit OFFSET @offset`)
      .all({ ...values, limit, offset }) as Row<'channels'>[];
    const sources = this.#sources.of(rows.map(({ id }) => id));
    return { items: rows.map(row => ({ ...entryOf(row), sources: sources.get(row.id) ?? [] })), total };
  }

  /** How many there are, by whether viewers get them. Counted when something has changed. */
  counts(): { enabled: number; disabled: number } {
    this.#counts ??= (() => {
      const count = (enabled: number): number =>
        numberOf(this.#connection, 'SELECT COUNT(*) FROM channels WHERE enabled = ?', enabled);
      return { enabled: count(1), disabled: count(0) };
    })();
    return this.#counts;
  }

  /** All channels that pass, in order of position, without their sources; read a thousand at a time. */
  each(filter: ChannelFilter = {}): Iterable<ChannelEntry> {
    return each(this.#connection, filter);
  }

  /**
   * Adds a channel behind all others.
   * @throws SluiceError `catalog_invalid`
   */
  create({ sources = [], ...fields }: ChannelInput): Channel {
    const id = this.#write(() => {
      const { categoryId = this.#categories.uncategorized(), enabled = true } = fields;
      const { id } = this.#connection
        .prepare(
          `INSERT INTO channels (name, number, category_id, logo_url, guide_id, enabled, position, added_at, updated_at)
           SELECT @name, @number, @category_id, @logo_url, @guide_id, @enabled,
                  COALESCE(MAX(position), 0) + ${POSITION_GAP}, unixepoch(), unixepoch()
           FROM channels RETURNING id`,
        )
        .get({
          number: null,
          logo_url: null,
          guide_id: null,
          ...this.#checked({ ...fields, categoryId, enabled }),
        }) as { id: number };
      this.#sources.set(id, sources);
      return id;
    });
    return this.get(id)!;
  }

  /**
   * Changes fields; imports leave these alone from now on.
   * @param ifVersion refuses when the channel has changed since
   * @throws SluiceError `catalog_not_found`, `catalog_invalid` or `version_conflict`
   */
  update(id: number, change: Partial<ChannelFields>, ifVersion?: number): Channel {
    return this.#edit(id, ifVersion, () => {
      const columns = this.#checked(change);
      const names = Object.keys(columns) as EditedColumn[];
      if (names.length > 0)
        this.#connection
          .prepare(`UPDATE channels SET ${names.map(name => `${name} = @${name}`).join(', ')} WHERE id = @id`)
          .run({ ...columns, id });
      return names;
    });
  }

  /**
   * Removes a channel for good; an import doesn't bring it back.
   * @throws SluiceError `catalog_not_found` or `version_conflict`
   */
  remove(id: number, ifVersion?: number): void {
    this.#write(() => {
      this.#expect(id, ifVersion);
      this.#delete([id]);
    });
  }

  /**
   * Changes many at once, all or none.
   * @returns how many there were
   * @throws SluiceError `catalog_invalid`
   */
  bulk(ids: readonly number[], change: BulkChange): number {
    return this.#write(() => {
      if ('delete' in change) return this.#delete(ids);
      const columns = this.#checked(change);
      const [column] = Object.keys(columns) as ['enabled' | 'category_id'];
      return this.#connection
        .prepare(
          `UPDATE channels SET ${column} = @value, ${edited(column)}, version = version + 1, updated_at = unixepoch()
           WHERE id IN (SELECT value FROM json_each(@ids))`,
        )
        .run({ value: columns[column], ids: JSON.stringify(ids) }).changes;
    });
  }

  /**
   * Moves a channel to another place in the list of all, counted from 0.
   * @throws SluiceError `catalog_not_found` or `catalog_invalid`
   */
  move(id: number, position: number): Channel {
    return this.#edit(id, undefined, () => {
      place(this.#connection, id, checkedPlace(position));
      return ['position'];
    });
  }

  /**
   * Replaces a channel's sources by these, in order; imports leave them alone from now on.
   * @throws SluiceError `catalog_not_found`, `catalog_invalid` or `version_conflict`
   */
  setSources(channelId: number, sources: readonly SourceInput[], ifVersion?: number): Channel {
    return this.#edit(channelId, ifVersion, () => {
      this.#sources.set(channelId, sources);
      return ['sources'];
    });
  }

  /**
   * Adds an alternate behind a channel's other sources; imports go on bringing theirs.
   * @throws SluiceError `catalog_not_found`, `catalog_invalid`, `catalog_conflict` or `version_conflict`
   */
  addSource(channelId: number, source: SourceInput, ifVersion?: number): Channel {
    return this.#edit(channelId, ifVersion, () => {
      this.#sources.add(channelId, source);
      return [];
    });
  }

  /**
   * Removes a source. When it came from an import, imports leave the channel's sources alone from now on.
   * @throws SluiceError `catalog_not_found` or `version_conflict`
   */
  removeSource(channelId: number, sourceId: number, ifVersion?: number): Channel {
    return this.#edit(channelId, ifVersion, () =>
      this.#sources.remove(channelId, sourceId) === null ? [] : ['sources'],
    );
  }

  /** Changes one channel, and notes what of it. */
  #edit(id: number, ifVersion: number | undefined, change: () => readonly EditedColumn[]): Channel {
    this.#write(() => {
      this.#expect(id, ifVersion);
      for (const column of change())
        this.#connection.prepare(`UPDATE channels SET ${edited(column)} WHERE id = @id`).run({ id });
      this.#connection
        .prepare('UPDATE channels SET version = version + 1, updated_at = unixepoch() WHERE id = ?')
        .run(id);
    });
    return this.get(id)!;
  }

  #write<T>(work: () => T): T {
    const result = inTransaction(this.#connection, work);
    this.#events.changed();
    return result;
  }

  #row(id: number): Row<'channels'> | undefined {
    return this.#connection.prepare('SELECT * FROM channels WHERE id = ?').get(id) as Row<'channels'> | undefined;
  }

  #expect(id: number, ifVersion: number | undefined): void {
    const row = this.#row(id);
    if (row === undefined) throw new SluiceError('catalog_not_found', 'There is no such channel.');
    if (ifVersion !== undefined && row.version !== ifVersion)
      throw new SluiceError('version_conflict', 'The channel has changed in the meantime; read it again.');
  }

  /** Imported ones are remembered, so that they stay away. */
  #delete(ids: readonly number[]): number {
    const list = JSON.stringify(ids);
    this.#connection
      .prepare(
        `INSERT OR IGNORE INTO import_omissions (import_id, import_key) SELECT import_id, import_key FROM channels
         WHERE id IN (SELECT value FROM json_each(?)) AND import_id IS NOT NULL AND import_key IS NOT NULL`,
      )
      .run(list);
    return this.#connection.prepare('DELETE FROM channels WHERE id IN (SELECT value FROM json_each(?))').run(list)
      .changes;
  }

  /** Fields as columns. */
  #checked(fields: Partial<ChannelFields>): Record<string, string | number | null> {
    const { name, number, categoryId, logoUrl, guideId, enabled } = fields;
    if (categoryId !== undefined && this.#categories.list().every(({ id }) => id !== categoryId))
      throw new SluiceError('catalog_invalid', 'There is no such category.');
    return {
      ...(name !== undefined && { [COLUMNS.name]: checkedName("A channel's name", name) }),
      ...(number !== undefined && { [COLUMNS.number]: checkedNumber(number) }),
      ...(categoryId !== undefined && { [COLUMNS.categoryId]: categoryId }),
      ...(logoUrl !== undefined && { [COLUMNS.logoUrl]: checkedWebAddress("A channel's logo", logoUrl) }),
      ...(guideId !== undefined && { [COLUMNS.guideId]: checkedText("A channel's guide id", guideId) }),
      ...(enabled !== undefined && { [COLUMNS.enabled]: Number(enabled) }),
    };
  }
}

/** Adds a column to the list of those that imports leave alone. */
function edited(column: EditedColumn): string {
  return `edited = CASE WHEN instr(edited, '"${column}"') > 0 THEN edited ELSE json_insert(edited, '$[#]', '${column}') END`;
}
