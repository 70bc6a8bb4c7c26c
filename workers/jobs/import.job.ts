/** The job that reads one list of channels into the catalogue, or says what that would change. */
import { openDatabase } from '../../src/catalog/database.ts';
import type { ImportAnswer, ImportProgress, ImportRequest } from '../../src/catalog/import-run.ts';
import { SluiceError } from '../../src/shared/errors.ts';
import { runImport } from './import/import.ts';

/** What the pool hands over. */
export interface ImportTask {
  request: ImportRequest;
  /** Takes what is told while the job works. */
  progress?: { postMessage(message: ImportProgress): void };
}

/** Runs the import. It answers failures, which would lose their codes if they were thrown from one thread to another. */
export default async function importJob({ request, progress }: ImportTask): Promise<ImportAnswer> {
  const report = (state: ImportProgress): void => progress?.postMessage(state);
  const database = openDatabase(request.database);
  try {
    return await runImport(database.connection, request, report);
  } catch (error) {
    if (error instanceof SluiceError) return { state: 'failed', problem: error.toWire() };
    throw error;
  } finally {
    await database.close();
  }
}
