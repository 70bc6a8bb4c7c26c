/** Puts what is read from a list into temporary tables, a few hundred entries at a time; nobody else sees or feels it. */
import { columnsOf } from '../../../src/catalog/channel.ts';
import { MAX_SOURCES } from '../../../src/catalog/channel-sources.ts';
import { type Database, numberOf } from '../../../src/catalog/database.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { ListEntry } from '../list-entry.ts';
import { identityOf } from './identity.ts';

const BATCH_ENTRIES = 500;
const MAX_ENTRIES = 1_000_000;

const COLUMNS = [
  'key',
  'name_key',
  'group_key',
  'guide_key',
  'name',
  'category',
  'logo_url',
  'guide_id',
  'number',
  'kind',
  'selector',
  'value',
  'options',
] as const;

/** The temporary tables. `n` is the place of an entry in the list, and that of a channel is its first entry's. */
const TABLES = `
  CREATE TEMP TABLE staged (n INTEGER PRIMARY KEY, ${COLUMNS.join(', ')});
  CREATE TEMP TABLE entry (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, channel_id INTEGER);
  CREATE TEMP TABLE wanted (n INTEGER NOT NULL, rank INTEGER NOT NULL, kind, selector, value, options, PRIMARY KEY (n, rank));
`;

/** Collects the entries of one list. */
export class Staging {
  readonly #connection: Database['connection'];
  readonly #insert: ReturnType<Database['connection']['prepare']>;
  #batch: unknown[][] = [];
  #count = 0;

  constructor(connection: Database['connection']) {
    this.#connection = connection;
    // This driver keeps temporary tables in memory, and gives none of it back, unless told otherwise.
    connection.pragma('temp_store = FILE');
    connection.exec(TABLES);
    const values = COLUMNS.map((_, index) => `value ->> ${index}`).join(', ');
    this.#insert = connection.prepare(
      `INSERT INTO temp.staged (${COLUMNS.join(', ')}) SELECT ${values} FROM json_each(?)`,
    );
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds one.
   * @throws SluiceError `list_unusable` when there are too many
   */
  add(entry: ListEntry): void {
    if (++this.#count > MAX_ENTRIES)
      throw new SluiceError('list_unusable', `The list has more than ${MAX_ENTRIES} entries.`);
    const { key, name, group, guide } = identityOf(entry);
    const { kind, selector, value, options } = columnsOf(entry.address);
    const { logoUrl, guideId, number } = entry;
    const about = [key, name, group, guide, entry.name, entry.group, logoUrl, guideId, number];
    this.#batch.push([...about, kind, selector, value, options]);
    if (this.#batch.length >= BATCH_ENTRIES) this.#flush();
  }

  /**
   * Joins entries to channels, with the distinct addresses of each as its sources.
   * @returns how many addresses were there twice
   */
  finish(): { channels: number; duplicates: number } {
    this.#flush();
    this.#connection.exec(`
      CREATE INDEX temp.staged_by_key ON staged (key);
      INSERT INTO temp.entry (n, key) SELECT MIN(n), key FROM temp.staged GROUP BY key;
      INSERT INTO temp.wanted (n, rank, kind, selector, value, options)
        SELECT * FROM (
          SELECT n, ROW_NUMBER() OVER (PARTITION BY n ORDER BY first) - 1 AS rank, kind, selector, value, options FROM (
            SELECT entry.n AS n, MIN(staged.n) AS first, kind, selector, value, options
            FROM temp.staged JOIN temp.entry USING (key) GROUP BY entry.n, kind, selector, value, options))
        WHERE rank < ${MAX_SOURCES};
    `);
    const count = (table: string): number => numberOf(this.#connection, `SELECT COUNT(*) FROM temp.${table}`);
    return { channels: count('entry'), duplicates: this.#count - count('wanted') };
  }

  #flush(): void {
    if (this.#batch.length > 0) this.#insert.run(JSON.stringify(this.#batch));
    this.#batch = [];
  }
}
