import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import { Categories } from '../../../src/catalog/categories.ts';
import type { Channel } from '../../../src/catalog/channel.ts';
import { Channels } from '../../../src/catalog/channels.ts';
import { type Database, openDatabase } from '../../../src/catalog/database.ts';
import type { ImportAnswer } from '../../../src/catalog/import-run.ts';
import { ImportStore } from '../../../src/catalog/import-store.ts';
import importJob from '../../../workers/jobs/import.job.ts';
import { inline } from './inline-job.ts';

/** A database in a folder of its own, and the job that reads lists into it, in this thread. */
export class ImportRig {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'sluice-import-'));
  readonly database: Database;
  readonly events = new CatalogEvents();
  readonly categories: Categories;
  readonly channels: Channels;
  readonly store: ImportStore;

  constructor() {
    mkdirSync(path.join(this.folder, 'data'));
    this.database = openDatabase(this.databasePath);
    this.categories = new Categories(this.database, this.events);
    this.channels = new Channels(this.database, this.events);
    this.store = new ImportStore(this.database.connection);
  }

  get databasePath(): string {
    return path.join(this.folder, 'test.db');
  }

  /** Writes a list into the data directory. */
  write(name: string, content: string | Buffer): void {
    writeFileSync(path.join(this.folder, 'data', name), content);
  }

  /** Reads a list; with `apply: false` it only says what that would change. */
  async read(importId: number, { apply = true } = {}): Promise<ImportAnswer> {
    const runId = apply ? this.store.begin(importId) : undefined;
    const folder = path.join(this.folder, 'data');
    const request = { database: this.databasePath, importId, runId, userAgent: 'test', folder };
    const answer = await inline(port => importJob({ request, port }));
    this.events.changed();
    return answer;
  }

  /** All channels in order. */
  all(): Channel[] {
    return this.channels.page({ offset: 0, limit: 1000 }).items;
  }

  async close(): Promise<void> {
    await this.database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
