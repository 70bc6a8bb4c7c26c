/** Imports and their runs as they lie in the tables. */
import path from 'node:path';
import { SluiceError } from '../shared/errors.ts';
import { checkedName } from './checks.ts';
import { type Database, inTransaction, numberOf } from './database.ts';
import type { Row } from './tables.ts';

/** A list of channels that is read again and again, as administrators see it. */
export interface Import {
  readonly id: number;
  readonly kind: 'm3u' | 'xtream';
  readonly name: string;
  /** Where it is, without what could be a secret. */
  readonly address: string;
  readonly enabled: boolean;
  readonly intervalS: number;
  /** Whether SCRAPER_URLS names it. */
  readonly configured: boolean;
  /** Unix seconds. */
  readonly lastRunAt: number | null;
  /** Programme guides that the list names. */
  readonly guideUrls: readonly string[];
}

/** One reading of a list. */
export interface ImportRun {
  readonly id: number;
  readonly importId: number;
  /** Unix seconds. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly state: Row<'import_runs'>['state'];
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly skipped: number;
  readonly problem: string | null;
}

/** An import as it is given. */
export interface ImportInput {
  kind?: 'm3u' | 'xtream';
  /** The host's name where nothing is said. */
  name?: string;
  /** For `m3u` an http or https address, or a file below DATA_DIR; for `xtream` the server's address. */
  url: string;
  /** The account at an Xtream server; it may be in the address, too. */
  username?: string;
  password?: string;
  enabled?: boolean;
  intervalS?: number;
}

/** What of an import can be changed. */
export type ImportChange = Partial<Omit<ImportInput, 'kind'>>;

/** How a run ended that the job has not noted itself. */
export type RunEnd = { state: 'unchanged' } | { state: 'failed'; problem: string };

export const DEFAULT_INTERVAL_S = 86_400;
const MIN_INTERVAL_S = 60;
const MAX_INTERVAL_S = 604_800;
const MAX_URL_CHARS = 2048;
const KEPT_RUNS = 100;

const invalid = (message: string): SluiceError => new SluiceError('catalog_invalid', message);

/** The tables of imports. */
export class ImportStore {
  readonly #connection: Database['connection'];

  constructor(connection: Database['connection']) {
    this.#connection = connection;
  }

  list(): Import[] {
    return (this.#connection.prepare('SELECT * FROM imports ORDER BY id').all() as Row<'imports'>[]).map(importOf);
  }

  /** @throws SluiceError `catalog_not_found` */
  get(id: number): Import {
    return importOf(this.#row(id));
  }

  /** @throws SluiceError `catalog_invalid` or `catalog_conflict` */
  create({ kind = 'm3u', name, enabled = true, intervalS = DEFAULT_INTERVAL_S, ...access }: ImportInput): Import {
    const url = checkedUrl(kind, access);
    return inTransaction(this.#connection, () => {
      this.#refuseTaken(url);
      const row = this.#connection
        .prepare(
          `INSERT INTO imports (kind, name, url, enabled, interval_s)
           VALUES (@kind, @name, @url, @enabled, @intervalS) RETURNING *`,
        )
        .get({
          kind,
          name: checkedName("An import's name", name ?? defaultName(url)),
          url,
          enabled: Number(enabled),
          intervalS: checkedInterval(intervalS),
        });
      return importOf(row as Row<'imports'>);
    });
  }

  /** @throws SluiceError `catalog_not_found`, `catalog_invalid` or `catalog_conflict` */
  update(id: number, change: ImportChange): Import {
    return inTransaction(this.#connection, () => {
      const row = this.#row(id);
      const url = change.url === undefined ? row.url : checkedUrl(row.kind, { ...change, url: change.url });
      const intervalS = checkedInterval(change.intervalS ?? row.interval_s);
      if (row.configured !== 0 && (url !== row.url || intervalS !== row.interval_s))
        throw new SluiceError(
          'catalog_conflict',
          'Address and interval of this import are those of the configuration.',
        );
      if (url !== row.url) this.#refuseTaken(url);
      // What was known of another address says nothing about this one.
      const forget = url === row.url ? '' : ', etag = NULL, last_modified = NULL';
      this.#connection
        .prepare(
          `UPDATE imports SET name = @name, url = @url, enabled = @enabled, interval_s = @intervalS${forget} WHERE id = @id`,
        )
        .run({
          id,
          name: checkedName("An import's name", change.name ?? row.name),
          url,
          enabled: Number(change.enabled ?? row.enabled !== 0),
          intervalS,
        });
      return this.get(id);
    });
  }

  /** Removes an import and what belongs to it alone; its channels must be gone, or be nobody's. */
  delete(id: number): void {
    this.#connection.prepare('DELETE FROM imports WHERE id = ?').run(id);
  }

  /**
   * Takes some of an import's channels away from it, or removes them.
   * @returns whether there may be more
   */
  release(id: number, keep: boolean, atMost: number): boolean {
    return inTransaction(this.#connection, () => {
      const ids = this.#connection
        .prepare('SELECT id FROM channels WHERE import_id = ? LIMIT ?')
        .pluck()
        .all(id, atMost);
      const list = JSON.stringify(ids);
      const some = 'IN (SELECT value FROM json_each(?))';
      if (keep) {
        this.#connection.prepare(`UPDATE sources SET import_id = NULL WHERE channel_id ${some}`).run(list);
        this.#connection.prepare(`UPDATE channels SET import_id = NULL, import_key = NULL WHERE id ${some}`).run(list);
      } else this.#connection.prepare(`DELETE FROM channels WHERE id ${some}`).run(list);
      return ids.length === atMost;
    });
  }

  /** Makes the list of configured imports this one. Those that are not configured any more are no longer read. */
  configure(urls: readonly string[], intervalS: number): void {
    const upsert = this.#connection.prepare(
      `INSERT INTO imports (kind, name, url, interval_s, configured) VALUES ('m3u', ?, ?, ?, 1)
       ON CONFLICT (url) DO UPDATE SET enabled = CASE WHEN configured THEN enabled ELSE 1 END,
         configured = 1, interval_s = excluded.interval_s`,
    );
    inTransaction(this.#connection, () => {
      for (const url of urls) upsert.run(defaultName(url), url, intervalS);
      this.#connection
        .prepare(
          `UPDATE imports SET configured = 0, enabled = 0
           WHERE configured = 1 AND url NOT IN (SELECT value FROM json_each(?))`,
        )
        .run(JSON.stringify(urls));
    });
  }

  /** Lets a list bring back what was deleted by hand. */
  forgetOmissions(id: number): void {
    inTransaction(this.#connection, () => {
      this.#row(id);
      this.#connection.prepare('DELETE FROM import_omissions WHERE import_id = ?').run(id);
      this.#connection.prepare('UPDATE imports SET etag = NULL, last_modified = NULL WHERE id = ?').run(id);
    });
  }

  /** The newest first. */
  runs(id: number, limit: number): ImportRun[] {
    const rows = this.#connection
      .prepare('SELECT * FROM import_runs WHERE import_id = ? ORDER BY id DESC LIMIT ?')
      .all(id, limit) as Row<'import_runs'>[];
    return rows.map(runOf);
  }

  /** Notes a run that begins, and forgets the oldest. @returns its id */
  begin(id: number): number {
    return inTransaction(this.#connection, () => {
      this.#row(id);
      this.#connection
        .prepare(
          `DELETE FROM import_runs WHERE import_id = ?1 AND id NOT IN
             (SELECT id FROM import_runs WHERE import_id = ?1 ORDER BY id DESC LIMIT ${KEPT_RUNS - 1})`,
        )
        .run(id);
      return numberOf(
        this.#connection,
        "INSERT INTO import_runs (import_id, started_at, state) VALUES (?, unixepoch(), 'running') RETURNING id",
        id,
      );
    });
  }

  /** Notes how a run ended, unless its job has noted that it is done. @returns the run */
  finish(importId: number, runId: number, end?: RunEnd): ImportRun {
    return inTransaction(this.#connection, () => {
      if (end !== undefined)
        this.#connection
          .prepare(
            `UPDATE import_runs SET state = ?, problem = ?, finished_at = unixepoch() WHERE id = ? AND state = 'running'`,
          )
          .run(end.state, end.state === 'failed' ? end.problem : null, runId);
      this.#connection.prepare('UPDATE imports SET last_run_at = unixepoch() WHERE id = ?').run(importId);
      return runOf(this.#connection.prepare('SELECT * FROM import_runs WHERE id = ?').get(runId) as Row<'import_runs'>);
    });
  }

  /** Notes that runs of an earlier process came to no end. */
  failInterrupted(): void {
    this.#connection.exec(
      `UPDATE import_runs SET state = 'failed', finished_at = unixepoch(), problem = 'The gateway ended before the import did.'
       WHERE state = 'running'`,
    );
  }

  #row(id: number): Row<'imports'> {
    const row = this.#connection.prepare('SELECT * FROM imports WHERE id = ?').get(id);
    if (row === undefined) throw new SluiceError('catalog_not_found', 'There is no such import.');
    return row as Row<'imports'>;
  }

  #refuseTaken(url: string): void {
    if (this.#connection.prepare('SELECT 1 FROM imports WHERE url = ?').get(url) !== undefined)
      throw new SluiceError('catalog_conflict', 'There is an import of this address already.');
  }
}

function importOf(row: Row<'imports'>): Import {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    address: shownAddress(row.url),
    enabled: row.enabled !== 0,
    intervalS: row.interval_s,
    configured: row.configured !== 0,
    lastRunAt: row.last_run_at,
    guideUrls: JSON.parse(row.guide_urls) as string[],
  };
}

function runOf(row: Row<'import_runs'>): ImportRun {
  return {
    id: row.id,
    importId: row.import_id,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    state: row.state,
    added: row.added,
    changed: row.changed,
    removed: row.removed,
    skipped: row.skipped,
    problem: row.problem,
  };
}

/** Providers put accounts anywhere into addresses, so only the server is shown, and of files the name. */
function shownAddress(url: string): string {
  if (!/^https?:/i.test(url)) return path.basename(url);
  const { origin, pathname, search } = new URL(url);
  return pathname === '/' && search === '' ? `${origin}/` : `${origin}/…`;
}

function defaultName(url: string): string {
  return /^https?:/i.test(url) ? new URL(url).host : path.basename(url);
}

function checkedInterval(seconds: number): number {
  if (!(Number.isInteger(seconds) && seconds >= MIN_INTERVAL_S && seconds <= MAX_INTERVAL_S))
    throw invalid(`An import's interval must be ${MIN_INTERVAL_S} to ${MAX_INTERVAL_S} seconds.`);
  return seconds;
}

function checkedUrl(kind: Import['kind'], { url: raw, username, password }: ImportChange & { url: string }): string {
  const text = raw.trim();
  if (text === '' || text.length > MAX_URL_CHARS || /\p{Cc}/u.test(text))
    throw invalid(`An import's address must be 1 to ${MAX_URL_CHARS} characters on one line.`);
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text) || /^file:/i.test(text)) {
    if (kind === 'm3u') return text;
    throw invalid('An Xtream server is named by an http or https address.');
  }
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw invalid("An import's address must be an http or https address, or a file.");
  const url = new URL(text);
  url.hash = '';
  if (kind === 'm3u') return url.href;
  return withAccount(url, username, password);
}

/** Puts the account of an Xtream server where the job finds it; people paste addresses of its pages as well. */
function withAccount(url: URL, username: string | undefined, password: string | undefined): string {
  const name = username ?? url.searchParams.get('username');
  const secret = password ?? url.searchParams.get('password');
  if (name !== null) url.username = encodeURIComponent(name);
  if (secret !== null) url.password = encodeURIComponent(secret);
  url.search = '';
  url.pathname = url.pathname.replace(/[^/]*$/, '');
  if (url.username === '' || url.password === '') throw invalid('An Xtream server needs user name and password.');
  return url.href;
}
