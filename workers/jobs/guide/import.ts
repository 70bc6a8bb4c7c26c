import { openDatabase } from '../../../src/catalog/database.ts';
import type {
  GuideProgress,
  ImportAnswer,
  ImportRequest,
  PreviewRequest,
  ReadingCounts,
} from '../../../src/guide/guide-job.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { applyStaging } from './apply.ts';
import { withGuide } from './open-guide.ts';
import { readGuide } from './read-guide.ts';
import { Staging } from './staging.ts';

type Link = JobLink<GuideProgress>;

/** Path of the file in which a guide is staged. */
export const stagingPath = (database: string, sourceId: number): string => `${database}.guide-${sourceId}.tmp`;

/**
 * Reads a source and stores what is new of it; everything stays as it was when that fails.
 * @throws SluiceError why there is no new guide
 */
export async function importGuide(
  { database, sourceId, nowS, options }: ImportRequest,
  link: Link,
): Promise<ImportAnswer> {
  const catalog = openDatabase(database);
  try {
    const { connection } = catalog;
    const source = connection
      .prepare('SELECT url, etag, last_modified, last_run_at FROM guide_sources WHERE id = ?')
      .get(sourceId) as
      | { url: string; etag: string | null; last_modified: string | null; last_run_at: number | null }
      | undefined;
    if (source === undefined) throw new SluiceError('catalog_not_found', 'There is no such guide.');
    const known = { etag: source.etag, lastModified: source.last_modified };
    return await withGuide(source.url, known, options, link, async guide => {
      if (guide.isUnchanged) {
        connection.prepare('UPDATE guide_sources SET last_run_at = ?, problem = NULL WHERE id = ?').run(nowS, sourceId);
        return { state: 'unchanged' };
      }
      const staging = new Staging(connection, stagingPath(database, sourceId));
      try {
        const counts = await readGuide(guide.body, options, nowS, staging, link);
        staging.finish();
        const isComplete = !counts.isTruncated;
        // One that was cut off is read again, whatever its server says about changes.
        const { etag, lastModified } = isComplete ? guide : { etag: null, lastModified: null };
        const validators = { etag, lastModified };
        const application = { sourceId, nowS, isComplete, isFirst: source.last_run_at === null, validators };
        return { state: 'done', ...counts, ...(await applyStaging(connection, application, link)) };
      } finally {
        staging.close();
      }
    });
  } finally {
    await catalog.close();
  }
}

/**
 * Reads a guide and says what is in it.
 * @throws SluiceError why it could not be used
 */
export async function previewGuide({ place, nowS, options }: PreviewRequest, link: Link): Promise<ReadingCounts> {
  const nothing = { channel: () => {}, programme: () => {} };
  return await withGuide(place, { etag: null, lastModified: null }, options, link, async guide => {
    if (guide.isUnchanged) throw new SluiceError('source_bad_answer', 'The source answered a question nobody asked.');
    return await readGuide(guide.body, options, nowS, nothing, link);
  });
}
