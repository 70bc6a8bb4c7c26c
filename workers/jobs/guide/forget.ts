/** Deletes programmes in bulk, a few thousand at a time, so that nobody waits long for the lock. */
import { rmSync } from 'node:fs';
import { type Database, openDatabase } from '../../../src/catalog/database.ts';
import type { PruneRequest, RemoveRequest } from '../../../src/guide/guide-job.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { CHUNK_ROWS, yielding } from './chunks.ts';
import { stagingPath } from './import.ts';

type Link = JobLink<unknown>;

/** Forgets programmes that ended before a time. */
export async function pruneProgrammes(
  { database, endedBeforeS }: PruneRequest,
  { signal }: Link,
): Promise<{ removed: number }> {
  const catalog = openDatabase(database);
  try {
    return { removed: await deleteProgrammes(catalog, signal, 'stop_at < ?', endedBeforeS) };
  } finally {
    await catalog.close();
  }
}

/** Forgets a source with its channels, programmes and mappings. */
export async function removeSource(
  { database, sourceId }: RemoveRequest,
  { signal }: Link,
): Promise<{ removed: number }> {
  const catalog = openDatabase(database);
  try {
    const removed = await deleteProgrammes(
      catalog,
      signal,
      'guide_channel_id IN (SELECT id FROM guide_channels WHERE guide_source_id = ?)',
      sourceId,
    );
    catalog.connection.prepare('DELETE FROM guide_sources WHERE id = ?').run(sourceId);
    rmSync(stagingPath(database, sourceId), { force: true });
    return { removed };
  } finally {
    await catalog.close();
  }
}

async function deleteProgrammes(
  { connection }: Database,
  signal: AbortSignal,
  condition: string,
  value: number,
): Promise<number> {
  const chunk = connection.prepare(
    `DELETE FROM programmes WHERE (guide_channel_id, start_at) IN
       (SELECT guide_channel_id, start_at FROM programmes WHERE ${condition} LIMIT ${CHUNK_ROWS})`,
  );
  for (let removed = 0; ; ) {
    const { changes } = await yielding(signal, () => chunk.run(value));
    removed += changes;
    if (changes < CHUNK_ROWS) return removed;
  }
}
