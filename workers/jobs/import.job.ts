/** The job that reads one list of channels into the catalogue, or says what that would change. */
import { openDatabase } from '../../src/catalog/database.ts';
import type { ImportAnswer, ImportProgress, ImportRequest } from '../../src/catalog/import-run.ts';
import { JobLink, type JobTask } from '../../src/jobs/job-link.ts';
import { SluiceError } from '../../src/shared/errors.ts';
import { runImport } from './import/import.ts';

/** Runs the import. It answers failures, which would lose their codes if they were thrown from one thread to another. */
export default async function importJob({ request, port }: JobTask<ImportRequest>): Promise<ImportAnswer> {
  const link = new JobLink<ImportProgress>(port);
  const database = openDatabase(request.database);
  try {
    return await runImport(database.connection, request, link);
  } catch (error) {
    link.throwIfStopped();
    if (error instanceof SluiceError) return { state: 'failed', problem: error.toWire() };
    throw error;
  } finally {
    await database.close();
    link.close();
  }
}
