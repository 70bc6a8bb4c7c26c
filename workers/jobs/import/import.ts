/** One import from beginning to end: read, compare, and, unless it is a preview, apply in one transaction. */
import type { Database } from '../../../src/catalog/database.ts';
import type {
  ImportAnswer,
  ImportCounts,
  ImportProgress,
  ImportRequest,
  ListFacts,
} from '../../../src/catalog/import-run.ts';
import type { Row } from '../../../src/catalog/tables.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { DocumentClient } from '../../../src/upstream/http-document.ts';
import { M3uParser } from '../m3u/m3u-parser.ts';
import { applyDiff } from './apply.ts';
import { computeDiff, countDiff, sampleDiff } from './diff.ts';
import { readLocalFile } from './local-file.ts';
import { Staging } from './staging.ts';
import { unpacked } from './unpack.ts';
import { readXtream } from './xtream.ts';

const ANSWER_TIMEOUT_MS = 30_000;
const STALL_TIMEOUT_MS = 30_000;
const READ_TIMEOUT_MS = 15 * 60_000;
const REPORT_EVERY_ENTRIES = 5_000;

type Connection = Database['connection'];
type Link = JobLink<ImportProgress>;

/** What identifies the state of a list that was read. */
interface Validators {
  etag: string | undefined;
  lastModified: string | undefined;
}

/** @throws SluiceError why the list can't be used, or AbortError; the catalogue is as it was then */
export async function runImport(connection: Connection, request: ImportRequest, link: Link): Promise<ImportAnswer> {
  const { importId, runId } = request;
  const row = connection.prepare('SELECT * FROM imports WHERE id = ?').get(importId) as Row<'imports'> | undefined;
  if (row === undefined) throw new SluiceError('catalog_not_found', 'There is no such import.');
  const reading = new Reading(connection, link);
  const validators = await reading.read(row, request);
  if (validators === 'unchanged') return { state: 'unchanged' };
  const facts = reading.finish();
  link.report({ phase: 'comparing', entries: facts.entries, bytes: facts.bytes });
  link.throwIfStopped();
  const before = dataVersion(connection);
  computeDiff(connection, importId);
  const samples = sampleDiff(connection);
  if (runId === undefined) return { state: 'done', samples, ...countDiff(connection), ...facts };
  link.report({ phase: 'applying', entries: facts.entries, bytes: facts.bytes });
  link.throwIfStopped();
  const counts = apply(connection, before, { importId, runId }, facts, validators);
  return { state: 'done', samples, ...counts, ...facts };
}

/**
 * The difference was computed before the lock is taken, because others can't write while it is held; it is computed anew
 * when they wrote in between.
 */
function apply(
  connection: Connection,
  before: number,
  { importId, runId }: { importId: number; runId: number },
  facts: ListFacts,
  { etag, lastModified }: Validators,
): ImportCounts {
  connection.exec('BEGIN IMMEDIATE');
  try {
    if (dataVersion(connection) !== before) computeDiff(connection, importId);
    const counts = countDiff(connection);
    applyDiff(connection, importId);
    const skipped = Object.values(facts.skipped).reduce((sum, count) => sum + count, 0);
    connection
      .prepare(
        `UPDATE import_runs SET state = 'done', finished_at = unixepoch(), added = @added, changed = @changed,
           removed = @removed, skipped = @skipped WHERE id = @runId`,
      )
      .run({ ...counts, skipped, runId });
    connection
      .prepare('UPDATE imports SET etag = ?, last_modified = ?, guide_urls = ? WHERE id = ?')
      .run(etag ?? null, lastModified ?? null, JSON.stringify(facts.guideUrls), importId);
    connection.exec('COMMIT');
    return counts;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

/** Changes whenever another connection has written. */
function dataVersion(connection: Connection): number {
  const [{ data_version: version }] = connection.pragma('data_version') as [{ data_version: number }];
  return version;
}

/** Reads a list into the temporary tables. */
class Reading {
  readonly #staging: Staging;
  readonly #link: Link;
  readonly #skipped: Record<string, number> = {};
  #guideUrls: readonly string[] = [];
  #bytes = 0;

  constructor(connection: Connection, link: Link) {
    this.#staging = new Staging(connection);
    this.#link = link;
  }

  /** @returns how to ask next time whether the list has changed; or that it has not */
  async read(row: Row<'imports'>, { userAgent, folder, runId }: ImportRequest): Promise<Validators | 'unchanged'> {
    this.#progress();
    const limits = { allowPrivate: true, answerTimeoutMs: ANSWER_TIMEOUT_MS, stallTimeoutMs: STALL_TIMEOUT_MS };
    const client = new DocumentClient(limits);
    const signal = this.#link.deadline(READ_TIMEOUT_MS);
    if (row.kind === 'xtream') {
      const onBytes = (bytes: number): void => {
        this.#bytes += bytes;
      };
      await readXtream({ client, url: row.url, userAgent, signal, onBytes }, this.#sink());
      return { etag: undefined, lastModified: undefined };
    }
    if (!/^https?:/i.test(row.url)) {
      await this.#m3u(readLocalFile(row.url, folder));
      return { etag: undefined, lastModified: undefined };
    }
    // A preview is about the list itself, whether we know it or not.
    const known = runId === undefined ? {} : validatorHeaders(row);
    const headers = { 'User-Agent': userAgent, ...known };
    return client.read({ url: row.url, headers }, signal, async document => {
      if (document === undefined) return 'unchanged';
      await this.#m3u(document.body);
      return { etag: document.etag, lastModified: document.lastModified };
    });
  }

  /** @throws SluiceError `list_unusable` when there is no channel in the list */
  finish(): ListFacts {
    if (this.#staging.count === 0) throw new SluiceError('list_unusable', 'There is no channel in the list.');
    const { channels, duplicates } = this.#staging.finish();
    return {
      entries: this.#staging.count,
      channels,
      duplicates,
      skipped: this.#skipped,
      guideUrls: [...this.#guideUrls],
      bytes: this.#bytes,
    };
  }

  async #m3u(body: AsyncIterable<Buffer>): Promise<void> {
    const parser = new M3uParser(this.#sink());
    for await (const chunk of unpacked(body)) {
      this.#link.signal.throwIfAborted();
      this.#bytes += chunk.length;
      parser.push(chunk);
    }
    parser.end();
  }

  #sink(): ConstructorParameters<typeof M3uParser>[0] {
    return {
      entry: entry => {
        this.#staging.add(entry);
        if (this.#staging.count % REPORT_EVERY_ENTRIES === 0) this.#progress();
      },
      skipped: reason => {
        this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
      },
      guides: urls => {
        this.#guideUrls = urls;
      },
    };
  }

  #progress(): void {
    this.#link.report({ phase: 'reading', entries: this.#staging.count, bytes: this.#bytes });
  }
}

function validatorHeaders({ etag, last_modified: lastModified }: Row<'imports'>): Record<string, string> {
  return {
    ...(etag !== null && { 'If-None-Match': etag }),
    ...(lastModified !== null && { 'If-Modified-Since': lastModified }),
  };
}
