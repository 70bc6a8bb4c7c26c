/** The guides that are read: what is known of them, and what operators may change. */
import type { Database } from '../catalog/database.ts';
import type { Row } from '../catalog/tables.ts';
import { SluiceError } from '../shared/errors.ts';
import { type GuidePlace, nameOfPlace, parseGuidePlace, placeText, shownPlace } from './guide-address.ts';

/** A guide that is read again and again. */
export interface GuideSource {
  readonly id: number;
  readonly name: string;
  /** Address or path, without credentials. */
  readonly place: string;
  readonly enabled: boolean;
  readonly intervalS: number;
  /** Whether EPG_SOURCES brought it; such a one is removed there. */
  readonly configured: boolean;
  /** When it was read last without a problem, in unix seconds; null when it never was. */
  readonly lastRunAt: number | null;
  /** Why the last reading failed; null when it did not. */
  readonly problem: string | null;
}

/** A new source. */
export interface GuideSourceInput {
  /** An http or https address, or an absolute path. */
  place: string;
  name?: string | undefined;
  intervalS?: number | undefined;
  enabled?: boolean | undefined;
}

/** What of a source is changed. */
export type GuideSourceChange = Partial<GuideSourceInput>;

const MAX_NAME_CHARS = 200;
const INTERVAL_S = { min: 60, max: 30 * 86_400 } as const;

const invalid = (message: string): SluiceError => new SluiceError('catalog_invalid', message);

/** The table of sources. */
export class GuideSources {
  readonly #connection: Database['connection'];
  readonly #defaultIntervalS: number;

  constructor({ connection }: Pick<Database, 'connection'>, defaultIntervalS: number) {
    this.#connection = connection;
    this.#defaultIntervalS = defaultIntervalS;
  }

  /** All of them, the oldest first. */
  list(): GuideSource[] {
    return this.#rows().map(sourceOf);
  }

  /** @throws SluiceError `catalog_not_found` */
  get(id: number): GuideSource {
    return sourceOf(this.#row(id));
  }

  /** The source with this id, if there is one. */
  find(id: number): GuideSource | undefined {
    const row = this.#connection.prepare('SELECT * FROM guide_sources WHERE id = ?').get(id);
    return row === undefined ? undefined : sourceOf(row as Row<'guide_sources'>);
  }

  /** @throws SluiceError `catalog_invalid`, or `catalog_conflict` when it is known already */
  create({ place, name, intervalS = this.#defaultIntervalS, enabled = true }: GuideSourceInput): GuideSource {
    const parsed = checkedPlace(place);
    this.#expectFree(placeText(parsed));
    const { lastInsertRowid } = this.#connection
      .prepare('INSERT INTO guide_sources (name, url, enabled, interval_s) VALUES (?, ?, ?, ?)')
      .run(checkedName(name ?? nameOfPlace(parsed)), placeText(parsed), Number(enabled), checkedInterval(intervalS));
    return this.get(Number(lastInsertRowid));
  }

  /**
   * Changes a source. At another place it is read as a whole.
   * @throws SluiceError `catalog_not_found`, `catalog_invalid` or `catalog_conflict`
   */
  update(id: number, change: GuideSourceChange): GuideSource {
    const row = this.#row(id);
    const isOfConfiguration = row.configured !== 0;
    if (isOfConfiguration && (change.place !== undefined || change.intervalS !== undefined)) throw configured();
    const url = change.place === undefined ? row.url : placeText(checkedPlace(change.place));
    if (url !== row.url) this.#expectFree(url);
    const isSame = url === row.url;
    this.#connection
      .prepare(
        'UPDATE guide_sources SET name = ?, url = ?, enabled = ?, interval_s = ?, etag = ?, last_modified = ? WHERE id = ?',
      )
      .run(
        change.name === undefined ? row.name : checkedName(change.name),
        url,
        change.enabled === undefined ? row.enabled : Number(change.enabled),
        change.intervalS === undefined ? row.interval_s : checkedInterval(change.intervalS),
        isSame ? row.etag : null,
        isSame ? row.last_modified : null,
        id,
      );
    return this.get(id);
  }

  /** @throws SluiceError `catalog_not_found`, or `catalog_conflict` when the configuration would bring it back */
  expectRemovable(id: number): void {
    if (this.#row(id).configured !== 0) throw configured();
  }

  /** Notes why a source could not be read. */
  failed(id: number, problem: string): void {
    this.#connection.prepare('UPDATE guide_sources SET problem = ? WHERE id = ?').run(problem, id);
  }

  /**
   * Makes the sources of the configuration those that are configured.
   * @returns the ids of these, in their order, and of those that are configured no more
   */
  configure(places: readonly string[]): { order: number[]; dropped: number[] } {
    const order: number[] = [];
    for (const place of places.map(checkedPlace)) {
      const row = this.#connection
        .prepare(
          `INSERT INTO guide_sources (name, url, interval_s, configured) VALUES (?, ?, ?, 1)
           ON CONFLICT (url) DO UPDATE SET interval_s = excluded.interval_s, configured = 1 RETURNING id`,
        )
        .get(nameOfPlace(place), placeText(place), this.#defaultIntervalS) as { id: number };
      order.push(row.id);
    }
    const dropped = this.#rows().filter(({ id, configured: is }) => is !== 0 && !order.includes(id));
    return { order, dropped: dropped.map(({ id }) => id) };
  }

  #rows(): Row<'guide_sources'>[] {
    return this.#connection.prepare('SELECT * FROM guide_sources ORDER BY id').all() as Row<'guide_sources'>[];
  }

  #row(id: number): Row<'guide_sources'> {
    const row = this.#connection.prepare('SELECT * FROM guide_sources WHERE id = ?').get(id);
    if (row === undefined) throw new SluiceError('catalog_not_found', 'There is no such guide.');
    return row as Row<'guide_sources'>;
  }

  #expectFree(url: string): void {
    if (this.#connection.prepare('SELECT 1 FROM guide_sources WHERE url = ?').get(url) !== undefined)
      throw new SluiceError('catalog_conflict', 'This guide is read already.');
  }
}

function sourceOf(row: Row<'guide_sources'>): GuideSource {
  return {
    id: row.id,
    name: row.name,
    place: shownPlace(row.url),
    enabled: row.enabled !== 0,
    intervalS: row.interval_s,
    configured: row.configured !== 0,
    lastRunAt: row.last_run_at,
    problem: row.problem,
  };
}

/** @throws SluiceError `catalog_invalid` */
export function checkedPlace(text: string): GuidePlace {
  const place = parseGuidePlace(text);
  if (place === undefined) throw invalid("A guide's place must be an http or https address, or an absolute path.");
  return place;
}

function checkedName(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > MAX_NAME_CHARS || /\p{Cc}/u.test(trimmed))
    throw invalid(`A guide's name must be 1 to ${MAX_NAME_CHARS} characters on one line.`);
  return trimmed;
}

function checkedInterval(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < INTERVAL_S.min || seconds > INTERVAL_S.max)
    throw invalid(`A guide's interval must be a whole number of seconds from ${INTERVAL_S.min} to ${INTERVAL_S.max}.`);
  return seconds;
}

function configured(): SluiceError {
  return new SluiceError('catalog_conflict', 'This guide is one of EPG_SOURCES; change it there.');
}
