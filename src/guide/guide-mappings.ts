/** Which guide channel each channel shows, and how operators correct it. */
import type { Database } from '../catalog/database.ts';
import type { GuideMappingTable } from '../catalog/tables.ts';
import { SluiceError } from '../shared/errors.ts';

/** A channel of a guide. */
export interface GuideChannelEntry {
  readonly id: number;
  readonly sourceId: number;
  /** What its guide calls it. */
  readonly xmltvId: string;
  readonly names: readonly string[];
  readonly iconUrl: string | null;
}

/** A channel and its guide. */
export interface MappingEntry {
  readonly channelId: number;
  readonly name: string;
  readonly guideId: string | null;
  /** Null for a channel without guide. */
  readonly mapping: {
    readonly guideChannel: GuideChannelEntry;
    /** 0 to 1. */
    readonly score: number;
    readonly how: GuideMappingTable['how'];
  } | null;
}

/** Which part of a list is wanted. */
export interface PageQuery {
  /** Part of a name or id, in any case. */
  search?: string | undefined;
  offset?: number | undefined;
  limit?: number | undefined;
}

/** A part of a list, and how long all of it is. */
export interface Page<Item> {
  readonly items: Item[];
  readonly total: number;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const GUIDE_COLUMNS = 'g.id, g.guide_source_id AS sourceId, g.xmltv_id AS xmltvId, g.names, g.icon_url AS iconUrl';

interface MappingRow {
  channelId: number;
  name: string;
  guideId: string | null;
  id: number | null;
  sourceId: number;
  xmltvId: string;
  names: string;
  iconUrl: string | null;
  score: number;
  how: GuideMappingTable['how'];
}

/** The table of mappings. */
export class GuideMappings {
  readonly #connection: Database['connection'];
  readonly #changed: (needsMatching: boolean) => void;

  /** @param changed told after each change, and whether the channel should look for a guide by itself */
  constructor({ connection }: Pick<Database, 'connection'>, changed: (needsMatching: boolean) => void) {
    this.#connection = connection;
    this.#changed = changed;
  }

  /** Channels in their order, with their guide. */
  list({ search, unmatched, ...page }: PageQuery & { unmatched?: boolean | undefined } = {}): Page<MappingEntry> {
    const where = [
      ...(search === undefined || search === ''
        ? []
        : ["(c.name LIKE @search ESCAPE '\\' OR c.guide_id LIKE @search ESCAPE '\\')"]),
      ...(unmatched === undefined ? [] : [`m.channel_id IS ${unmatched ? '' : 'NOT '}NULL`]),
    ];
    const from = `FROM channels AS c LEFT JOIN guide_mappings AS m ON m.channel_id = c.id
      LEFT JOIN guide_channels AS g ON g.id = m.guide_channel_id ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}`;
    const columns = `c.id AS channelId, c.name, c.guide_id AS guideId, m.score, m.how, ${GUIDE_COLUMNS}`;
    const { rows, total } = this.#page<MappingRow>(columns, from, 'c.position, c.id', search, page);
    return { items: rows.map(entryOf), total };
  }

  /** Channels of guides, to choose from. */
  guideChannels({
    search,
    sourceId,
    ...page
  }: PageQuery & { sourceId?: number | undefined } = {}): Page<GuideChannelEntry> {
    const where = [
      ...(search === undefined || search === ''
        ? []
        : ["(g.xmltv_id LIKE @search ESCAPE '\\' OR g.names LIKE @search ESCAPE '\\')"]),
      ...(sourceId === undefined ? [] : [`g.guide_source_id = ${Math.trunc(sourceId)}`]),
    ];
    const from = `FROM guide_channels AS g ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}`;
    const { rows, total } = this.#page<GuideChannelRow>(GUIDE_COLUMNS, from, 'g.guide_source_id, g.id', search, page);
    return { items: rows.map(guideChannelOf), total };
  }

  /**
   * Chooses a channel's guide by hand; this holds until it is cleared, whatever guides and lists bring.
   * @throws SluiceError `catalog_not_found`
   */
  set(channelId: number, guideChannelId: number): MappingEntry {
    this.#expectChannel(channelId);
    if (this.#connection.prepare('SELECT 1 FROM guide_channels WHERE id = ?').get(guideChannelId) === undefined)
      throw new SluiceError('catalog_not_found', 'There is no such channel in any guide.');
    this.#connection
      .prepare(
        `INSERT INTO guide_mappings (channel_id, guide_channel_id, score, how) VALUES (?, ?, 1, 'manual')
         ON CONFLICT (channel_id) DO UPDATE
         SET guide_channel_id = excluded.guide_channel_id, score = excluded.score, how = excluded.how`,
      )
      .run(channelId, guideChannelId);
    this.#changed(false);
    return this.get(channelId);
  }

  /**
   * Lets a channel look for its guide by itself again.
   * @throws SluiceError `catalog_not_found`
   */
  clear(channelId: number): void {
    this.#expectChannel(channelId);
    this.#connection.prepare('DELETE FROM guide_mappings WHERE channel_id = ?').run(channelId);
    this.#changed(true);
  }

  /** @throws SluiceError `catalog_not_found` */
  get(channelId: number): MappingEntry {
    this.#expectChannel(channelId);
    const row = this.#connection
      .prepare(
        `SELECT c.id AS channelId, c.name, c.guide_id AS guideId, m.score, m.how, ${GUIDE_COLUMNS}
         FROM channels AS c LEFT JOIN guide_mappings AS m ON m.channel_id = c.id
         LEFT JOIN guide_channels AS g ON g.id = m.guide_channel_id WHERE c.id = ?`,
      )
      .get(channelId) as MappingRow;
    return entryOf(row);
  }

  #page<Found>(
    columns: string,
    from: string,
    order: string,
    search: string | undefined,
    { offset = 0, limit = DEFAULT_LIMIT }: PageQuery,
  ): { rows: Found[]; total: number } {
    const values = search === undefined || search === '' ? {} : { search: `%${search.replace(/[\\%_]/g, '\\$&')}%` };
    const { total } = this.#connection.prepare(`SELECT COUNT(*) AS total ${from}`).get(values) as { total: number };
    const rows = this.#connection
      .prepare(`SELECT ${columns} ${from} ORDER BY ${order} LIMIT @limit OFFSET @offset`)
      .all({ ...values, limit: Math.max(0, Math.min(limit, MAX_LIMIT)), offset: Math.max(0, offset) }) as Found[];
    return { rows, total };
  }

  #expectChannel(id: number): void {
    if (this.#connection.prepare('SELECT 1 FROM channels WHERE id = ?').get(id) === undefined)
      throw new SluiceError('catalog_not_found', 'There is no such channel.');
  }
}

type GuideChannelRow = Pick<MappingRow, 'sourceId' | 'xmltvId' | 'names' | 'iconUrl'> & { id: number };

function guideChannelOf({ id, sourceId, xmltvId, names, iconUrl }: GuideChannelRow): GuideChannelEntry {
  return { id, sourceId, xmltvId, names: JSON.parse(names) as string[], iconUrl };
}

function entryOf({ channelId, name, guideId, id, score, how, ...row }: MappingRow): MappingEntry {
  return {
    channelId,
    name,
    guideId,
    mapping: id === null ? null : { guideChannel: guideChannelOf({ ...row, id }), score, how },
  };
}
