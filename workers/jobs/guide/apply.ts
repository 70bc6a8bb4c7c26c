/**
 * Brings a source up to date with what was staged. All comparing is done before the database is locked; the transaction
 * then writes nothing but differences, so whoever reads or writes meanwhile waits for moments, and a process that is
 * killed leaves the source as it was.
 */
import { type Database, inTransaction, numberOf } from '../../../src/catalog/database.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { CHUNK_ROWS, yielding } from './chunks.ts';
import type { Validators } from './open-guide.ts';

type Connection = Database['connection'];
type Link = JobLink<unknown>;

/** What is applied. */
export interface Application {
  readonly sourceId: number;
  readonly nowS: number;
  /** Whether what the guide doesn't mention is gone: not if it was cut off. */
  readonly isComplete: boolean;
  /** Whether the source was never read: nobody sees anything of it before this is done. */
  readonly isFirst: boolean;
  /** Kept for the next reading. */
  readonly validators: Validators;
}

/** How many programmes were added, changed, and removed. */
export interface Applied {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

const COLUMNS = ['stop_at', 'title', 'subtitle', 'description', 'category', 'icon_url'] as const;
const DIFFERS = COLUMNS.map(name => `p.${name} IS NOT s.${name}`).join(' OR ');
const CHANNEL_ID = `(SELECT g.id FROM guide_channels AS g
  WHERE g.guide_source_id = @sourceId AND g.xmltv_id = channels.xmltv_id)`;
/** Longer ago nothing can start that is still on. */
const LONGEST_S = 7 * 86_400;

/**
 * Applies what `staging` has to the source.
 * @throws SluiceError `catalog_not_found` when the source was removed meanwhile; AbortError
 */
export async function applyStaging(connection: Connection, application: Application, link: Link): Promise<Applied> {
  try {
    return await apply(connection, application, link);
  } catch (error) {
    // Its channels went with it, in between two chunks.
    if ((error as { code?: string }).code === 'SQLITE_CONSTRAINT_FOREIGNKEY') throw sourceGone(error);
    throw error;
  }
}

function sourceGone(cause?: unknown): SluiceError {
  return new SluiceError('catalog_not_found', 'There is no such guide any more.', { cause });
}

async function apply(connection: Connection, application: Application, link: Link): Promise<Applied> {
  link.throwIfStopped();
  compare(connection, application);
  const changes = {
    added: numberOf(connection, 'SELECT COUNT(*) FROM staging.differing WHERE is_new'),
    changed: numberOf(connection, 'SELECT COUNT(*) FROM staging.differing WHERE NOT is_new'),
  };
  if (application.isFirst) await prefill(connection, application.sourceId, link.signal);
  link.throwIfStopped();
  const removed = inTransaction(connection, () => {
    const { sourceId, validators, nowS } = application;
    const { changes: sources } = connection
      .prepare('UPDATE guide_sources SET etag = ?, last_modified = ?, last_run_at = ?, problem = NULL WHERE id = ?')
      .run(validators.etag, validators.lastModified, nowS, sourceId);
    if (sources === 0) throw sourceGone();
    return write(connection, application);
  });
  return { ...changes, removed };
}

/** Finds out what differs, which takes no lock: only this job writes the programmes of its source. */
function compare(connection: Connection, { sourceId, nowS, isComplete }: Application): void {
  connection.prepare(`UPDATE staging.channels SET guide_channel_id = ${CHANNEL_ID}`).run({ sourceId });
  // A guide speaks for the time from its first programme on; what was before is kept for catching up.
  connection
    .prepare(
      `UPDATE staging.channels SET
         first_at = (SELECT MIN(start_at) FROM staging.programmes AS s WHERE s.channel_id = channels.id),
         until_at = CASE WHEN @isComplete THEN ${Number.MAX_SAFE_INTEGER} ELSE
           (SELECT MAX(stop_at) FROM staging.programmes AS s WHERE s.channel_id = channels.id) END`,
    )
    .run({ isComplete: Number(isComplete) });
  connection.exec(
    `CREATE TABLE staging.differing AS
     SELECT s.channel_id, s.start_at, p.start_at IS NULL AS is_new
     FROM staging.channels AS c CROSS JOIN staging.programmes AS s ON s.channel_id = c.id
     LEFT JOIN main.programmes AS p ON p.guide_channel_id = c.guide_channel_id AND p.start_at = s.start_at
     WHERE p.start_at IS NULL OR ${DIFFERS}`,
  );
  connection
    .prepare(
      `CREATE TABLE staging.gone AS
       SELECT p.guide_channel_id, p.start_at
       FROM staging.channels AS c CROSS JOIN main.programmes AS p ON p.guide_channel_id = c.guide_channel_id
       WHERE p.start_at >= COALESCE(c.first_at, ${Math.floor(nowS)}) AND p.start_at < COALESCE(c.until_at, 0)
         AND NOT EXISTS (SELECT 1 FROM staging.programmes AS s WHERE s.channel_id = c.id AND s.start_at = p.start_at)`,
    )
    .run();
}

/**
 * Writes the programmes of a source that is read for the first time, a few thousand at once: hundreds of thousands in one
 * transaction would lock everybody out for seconds. Sources count for nothing until they were read to their end.
 */
async function prefill(connection: Connection, sourceId: number, signal: AbortSignal): Promise<void> {
  inTransaction(connection, () => writeChannels(connection, sourceId));
  const last = numberOf(connection, 'SELECT COALESCE(MAX(rowid), 0) FROM staging.differing');
  const insert = connection.prepare(insertDiffering('WHERE d.rowid > @from AND d.rowid <= @to'));
  for (let from = 0; from < last; from += CHUNK_ROWS)
    await yielding(signal, () => insert.run({ from, to: from + CHUNK_ROWS }));
  connection.exec('DELETE FROM staging.differing');
}

function write(connection: Connection, { sourceId, nowS, isComplete }: Application): number {
  writeChannels(connection, sourceId);
  const { changes } = connection
    .prepare(
      'DELETE FROM programmes WHERE (guide_channel_id, start_at) IN (SELECT guide_channel_id, start_at FROM staging.gone)',
    )
    .run();
  connection.prepare(insertDiffering('WHERE true')).run();
  // What was on when the new guide begins ends there.
  connection.exec(
    `UPDATE programmes SET stop_at = c.first_at FROM staging.channels AS c
     WHERE programmes.guide_channel_id = c.guide_channel_id AND programmes.start_at >= c.first_at - ${LONGEST_S}
       AND programmes.start_at < c.first_at AND programmes.stop_at > c.first_at`,
  );
  return changes + (isComplete ? forgetChannels(connection, sourceId, nowS) : 0);
}

function writeChannels(connection: Connection, sourceId: number): void {
  connection
    .prepare(
      `INSERT INTO guide_channels (guide_source_id, xmltv_id, names, icon_url)
       SELECT @sourceId, xmltv_id, names, icon_url FROM staging.channels WHERE true
       ON CONFLICT (guide_source_id, xmltv_id) DO UPDATE SET names = excluded.names, icon_url = excluded.icon_url
       WHERE names IS NOT excluded.names OR icon_url IS NOT excluded.icon_url`,
    )
    .run({ sourceId });
  connection
    .prepare(`UPDATE staging.channels SET guide_channel_id = ${CHANNEL_ID} WHERE guide_channel_id IS NULL`)
    .run({ sourceId });
}

function insertDiffering(where: string): string {
  return `INSERT INTO programmes (guide_channel_id, start_at, ${COLUMNS.join(', ')})
    SELECT c.guide_channel_id, s.start_at, ${COLUMNS.map(name => `s.${name}`).join(', ')}
    FROM staging.differing AS d
    CROSS JOIN staging.channels AS c ON c.id = d.channel_id
    CROSS JOIN staging.programmes AS s ON s.channel_id = d.channel_id AND s.start_at = d.start_at
    ${where}
    ON CONFLICT (guide_channel_id, start_at) DO UPDATE SET ${COLUMNS.map(name => `${name} = excluded.${name}`).join(', ')}`;
}

/** Forgets channels that the guide has no more. Those that somebody chose by hand stay, without a future. */
function forgetChannels(connection: Connection, sourceId: number, nowS: number): number {
  connection.exec('CREATE TABLE staging.kept (id INTEGER PRIMARY KEY)');
  connection.exec('INSERT INTO staging.kept SELECT guide_channel_id FROM staging.channels');
  const lost =
    'SELECT id FROM guide_channels WHERE guide_source_id = @sourceId AND id NOT IN (SELECT id FROM staging.kept)';
  const chosen = "SELECT guide_channel_id FROM guide_mappings WHERE how = 'manual'";
  const { changes } = connection
    .prepare(
      `DELETE FROM programmes WHERE guide_channel_id IN (${lost})
         AND (start_at >= @nowS OR guide_channel_id NOT IN (${chosen}))`,
    )
    .run({ sourceId, nowS });
  connection.prepare(`DELETE FROM guide_channels WHERE id IN (${lost}) AND id NOT IN (${chosen})`).run({ sourceId });
  return changes;
}
