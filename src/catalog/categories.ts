/** Categories: the groups that players show channels in. */
import { SluiceError } from '../shared/errors.ts';
import type { CatalogEvents } from './catalog-events.ts';
import { checkedName, checkedPlace } from './checks.ts';
import { type Database, inTransaction } from './database.ts';

/** Where channels go that are in no category. */
export const UNCATEGORIZED = 'Uncategorized';

/** A category as it is shown. */
export interface Category {
  readonly id: number;
  readonly name: string;
  /** Its place among all categories, from 0. */
  readonly position: number;
}

/** How many channels a category has. */
export interface CategoryCount {
  readonly enabled: number;
  readonly total: number;
}

/** The categories. */
export class Categories {
  readonly #connection: Database['connection'];
  readonly #events: CatalogEvents;

  constructor({ connection }: Pick<Database, 'connection'>, events: CatalogEvents) {
    this.#connection = connection;
    this.#events = events;
  }

  /** All of them, in the order in which players show them. */
  list(): Category[] {
    const rows = this.#connection.prepare('SELECT id, name FROM categories ORDER BY position, id').all();
    return (rows as { id: number; name: string }[]).map(({ id, name }, position) => ({ id, name, position }));
  }

  /** @throws SluiceError `catalog_not_found` */
  get(id: number): Category {
    const found = this.list().find(category => category.id === id);
    if (found === undefined) throw new SluiceError('catalog_not_found', 'There is no such category.');
    return found;
  }

  /** How many channels are in each category; those without any are left out. */
  counts(): Map<number, CategoryCount> {
    const rows = this.#connection
      .prepare(
        'SELECT category_id AS id, SUM(enabled) AS enabled, COUNT(*) AS total FROM channels GROUP BY category_id',
      )
      .all() as ({ id: number } & CategoryCount)[];
    return new Map(rows.map(({ id, enabled, total }) => [id, { enabled, total }]));
  }

  /**
   * Adds a category behind all others.
   * @throws SluiceError `catalog_invalid`, or `catalog_conflict` when the name is taken
   */
  create({ name }: { name: string }): Category {
    const id = inTransaction(this.#connection, () => this.#insert(this.#freeName(name)));
    this.#events.changed();
    return this.get(id);
  }

  /**
   * Renames a category or moves it to another place, from 0.
   * @throws SluiceError `catalog_not_found`, `catalog_invalid` or `catalog_conflict`
   */
  update(id: number, { name, position }: { name?: string; position?: number }): Category {
    inTransaction(this.#connection, () => {
      this.get(id);
      if (name !== undefined)
        this.#connection.prepare('UPDATE categories SET name = ? WHERE id = ?').run(this.#freeName(name, id), id);
      if (position !== undefined) this.#place(id, checkedPlace(position));
    });
    this.#events.changed();
    return this.get(id);
  }

  /**
   * Removes a category.
   * @param moveTo where its channels go
   * @throws SluiceError `catalog_not_found`, or `category_in_use` when it has channels and nobody says where they go
   */
  remove(id: number, moveTo?: number): void {
    inTransaction(this.#connection, () => {
      this.get(id);
      const isUsed = this.#connection.prepare('SELECT 1 FROM channels WHERE category_id = ? LIMIT 1').get(id);
      if (isUsed !== undefined) this.#empty(id, moveTo);
      this.#connection.prepare('DELETE FROM categories WHERE id = ?').run(id);
    });
    this.#events.changed();
  }

  /** The category of channels that are in none; it is made when it is missing. */
  uncategorized(): number {
    const found = this.#connection.prepare('SELECT id FROM categories WHERE name = ?').get(UNCATEGORIZED);
    return (found as { id: number } | undefined)?.id ?? this.#insert(UNCATEGORIZED);
  }

  #empty(id: number, moveTo: number | undefined): void {
    if (moveTo === undefined)
      throw new SluiceError('category_in_use', 'The category has channels; say which category they go to.');
    if (moveTo === id) throw new SluiceError('catalog_invalid', "A category's channels can't go to itself.");
    this.get(moveTo);
    this.#connection
      .prepare(
        'UPDATE channels SET category_id = ?, version = version + 1, updated_at = unixepoch() WHERE category_id = ?',
      )
      .run(moveTo, id);
    // Lists that bring this group go on bringing it there.
    this.#connection.prepare('UPDATE import_groups SET category_id = ? WHERE category_id = ?').run(moveTo, id);
  }

  #insert(name: string): number {
    const { id } = this.#connection
      .prepare(
        'INSERT INTO categories (name, position) SELECT ?, COALESCE(MAX(position) + 1, 0) FROM categories RETURNING id',
      )
      .get(name) as { id: number };
    return id;
  }

  #freeName(raw: string, ownId = 0): string {
    const name = checkedName("A category's name", raw);
    if (this.#connection.prepare('SELECT 1 FROM categories WHERE name = ? AND id <> ?').get(name, ownId) !== undefined)
      throw new SluiceError('catalog_conflict', 'There is a category of this name already.');
    return name;
  }

  #place(id: number, place: number): void {
    const ids = this.list().map(category => category.id);
    ids.splice(ids.indexOf(id), 1);
    ids.splice(Math.min(place, ids.length), 0, id);
    const move = this.#connection.prepare('UPDATE categories SET position = ? WHERE id = ?');
    for (const [position, moved] of ids.entries()) move.run(position, moved);
  }
}
