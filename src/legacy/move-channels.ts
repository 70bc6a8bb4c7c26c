/** Takes over categories and channels. Channels keep their ids: players have them in their lists of favourites. */

import { CatalogEvents } from '../catalog/catalog-events.ts';
import { Categories } from '../catalog/categories.ts';
import type { SourceInput } from '../catalog/channel.ts';
import { POSITION_GAP } from '../catalog/channel-order.ts';
import { ChannelSources } from '../catalog/channel-sources.ts';
import { checkedName, checkedText, checkedWebAddress } from '../catalog/checks.ts';
import type { Database } from '../catalog/database.ts';
import { parseStreamAddress } from '../shared/stream-address.ts';
import type { LegacyRow, LegacyRows } from './legacy-database.ts';
import type { Report } from './report.ts';
import { flagOf, integerOf, textOf } from './values.ts';

type Connection = Database['connection'];

/** Takes over both, categories by their names. */
export function moveChannels(connection: Connection, { categories, channels }: LegacyRows, report: Report): void {
  const mover = new ChannelMover(connection, moveCategories(connection, categories ?? [], report), report);
  for (const row of inOrder(channels ?? [])) mover.move(row);
}

/** @returns the category here for each id there */
function moveCategories(connection: Connection, rows: readonly LegacyRow[], report: Report): Map<number, number> {
  const categories = new Categories({ connection }, new CatalogEvents());
  const known = new Map(categories.list().map(({ id, name }) => [name, id]));
  const moved = new Map<number, number>();
  for (const row of inOrder(rows)) {
    const name = attempt(() => checkedName("A category's name", textOf(row.name) ?? ''));
    if ('refused' in name) {
      report.skip('categories', row, name.refused);
      continue;
    }
    const same = known.get(name.value);
    const here = same ?? categories.create({ name: name.value }).id;
    report.count('categories', same === undefined ? 'moved' : 'merged');
    known.set(name.value, here);
    const id = integerOf(row.id);
    if (id !== undefined) moved.set(id, here);
  }
  return moved;
}

class ChannelMover {
  readonly #connection: Connection;
  readonly #categoryIds: ReadonlyMap<number, number>;
  readonly #report: Report;
  readonly #sources: ChannelSources;
  /** Names of the channels that were here before. */
  readonly #taken: ReadonlyMap<number, string>;
  readonly #moved = new Set<number>();
  #position: number;
  #uncategorized: number | undefined;

  constructor(connection: Connection, categoryIds: ReadonlyMap<number, number>, report: Report) {
    this.#connection = connection;
    this.#categoryIds = categoryIds;
    this.#report = report;
    this.#sources = new ChannelSources(connection);
    const rows = connection.prepare('SELECT id, name, position FROM channels').all() as {
      id: number;
      name: string;
      position: number;
    }[];
    this.#taken = new Map(rows.map(({ id, name }) => [id, name]));
    this.#position = rows.reduce((last, { position }) => Math.max(last, position), 0);
  }

  move(row: LegacyRow): void {
    const id = integerOf(row.id);
    const taken = id === undefined ? undefined : this.#taken.get(id);
    if (id === undefined || id < 1) this.#report.skip('channels', row, 'its id is no positive whole number');
    else if (taken !== undefined)
      this.#report.conflict('channels', row, `channel ${id} is here already, as '${taken}'`);
    else if (this.#moved.has(id)) this.#report.skip('channels', row, 'another channel has the same id');
    else {
      this.#insert(id, row);
      this.#moved.add(id);
      this.#report.count('channels', 'moved');
    }
  }

  #insert(id: number, row: LegacyRow): void {
    const sources = this.#sourcesOf(row);
    const isActive = flagOf(row.is_active, true);
    if (sources.length === 0 && isActive) this.#remark(row, 'disabled, because it has no address that can be used');
    this.#position += POSITION_GAP;
    this.#connection
      .prepare(
        `INSERT INTO channels (id, name, category_id, logo_url, guide_id, enabled, position, added_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, unixepoch(), unixepoch())`,
      )
      .run(
        id,
        this.#checked(row, `Channel ${id}`, () => checkedName("A channel's name", textOf(row.name) ?? '')),
        this.#categoryOf(row),
        this.#checked(row, null, () => checkedWebAddress("A channel's logo", textOf(row.logo_url) ?? null)),
        this.#checked(row, null, () => checkedText("A channel's guide id", textOf(row.epg_id) ?? null)),
        Number(isActive && sources.length > 0),
        this.#position,
      );
    this.#sources.set(id, sources);
  }

  /** The content first, as the old program preferred it. */
  #sourcesOf(row: LegacyRow): SourceInput[] {
    const sources = new Map<string, SourceInput>();
    for (const column of ['acestream_id', 'stream_url'] as const) {
      const text = textOf(row[column]);
      if (text === undefined) continue;
      const parsed = parseStreamAddress(text);
      if ('refused' in parsed) this.#remark(row, `${column} is dropped: ${parsed.refused}`);
      else sources.set(JSON.stringify(parsed.address), { spec: parsed.address });
    }
    return [...sources.values()];
  }

  #categoryOf(row: LegacyRow): number {
    const there = integerOf(row.category_id);
    const here = there === undefined ? undefined : this.#categoryIds.get(there);
    if (here !== undefined) return here;
    if (textOf(row.category_id) !== undefined) this.#remark(row, 'uncategorized, because its category is missing');
    this.#uncategorized ??= new Categories({ connection: this.#connection }, new CatalogEvents()).uncategorized();
    return this.#uncategorized;
  }

  #checked<T>(row: LegacyRow, otherwise: T, check: () => T): T {
    const checked = attempt(check);
    if ('value' in checked) return checked.value;
    this.#remark(row, `${checked.refused} It gets ${otherwise === null ? 'none' : `'${String(otherwise)}'`}.`);
    return otherwise;
  }

  #remark(row: LegacyRow, text: string): void {
    this.#report.remark('channels', row, text);
  }
}

/** As the old program showed them; those without a place come last. */
function inOrder(rows: readonly LegacyRow[]): LegacyRow[] {
  const place = (row: LegacyRow): number => integerOf(row.display_order) ?? Number.MAX_SAFE_INTEGER;
  return [...rows].sort((a, b) => place(a) - place(b) || (integerOf(a.id) ?? 0) - (integerOf(b.id) ?? 0));
}

function attempt<T>(work: () => T): { value: T } | { refused: string } {
  try {
    return { value: work() };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}
