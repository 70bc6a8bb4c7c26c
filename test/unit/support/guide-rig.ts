import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import { Channels } from '../../../src/catalog/channels.ts';
import { type Database, openDatabase } from '../../../src/catalog/database.ts';
import type { JobRunner } from '../../../src/catalog/imports.ts';
import type { GuideEvents } from '../../../src/guide/guide-events.ts';
import type { GuideJobs, GuideRequest, ReadingOptions } from '../../../src/guide/guide-job.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import guideJob from '../../../workers/jobs/guide.job.ts';
import { inline } from './inline-job.ts';

/** 2026-07-25T12:00:00Z. */
export const NOW_S = 1_784_980_800;
export const HOUR_S = 3_600;
export const DAY_S = 86_400;

/** How guides are read, unless a test is about it. */
export const READING: ReadingOptions = {
  languages: [],
  pastS: DAY_S,
  futureS: 14 * DAY_S,
  maxBytes: 1 << 30,
  acceptTruncated: false,
  allowPrivate: true,
  folder: tmpdir(),
  userAgent: 'Sluice',
  timeoutMs: 5_000,
};

/** A programme as the database has it. */
export interface StoredProgramme {
  channel: string;
  start: number;
  stop: number;
  title: string;
}

/** A catalogue in a folder of its own, and jobs that run right here. */
export class GuideRig {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'sluice-guide-'));
  readonly file = path.join(this.folder, 'sluice.db');
  readonly database: Database = openDatabase(this.file);
  readonly events = new CatalogEvents();
  readonly channels = new Channels(this.database, this.events);

  async close(): Promise<void> {
    await this.database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Files beside the database that should not be there. */
  leftovers(): string[] {
    return readdirSync(this.folder).filter(name => name.endsWith('.tmp'));
  }

  /** Writes a file, and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, content);
    return file;
  }

  /** Makes a source known; nothing of it is read yet. */
  addSource(url: string, name = 'guide'): number {
    const { lastInsertRowid } = this.database.connection
      .prepare('INSERT INTO guide_sources (name, url, interval_s) VALUES (?, ?, 86400)')
      .run(name, url);
    return Number(lastInsertRowid);
  }

  /** Runs a job as the pool would, but for the thread. */
  async run<Type extends keyof GuideJobs>(request: GuideJobs[Type]['request']): Promise<GuideJobs[Type]['answer']> {
    const settled = await inline(port => guideJob({ request: request as GuideRequest, port }));
    if ('failure' in settled) throw SluiceError.fromWire(settled.failure);
    return settled.answer as GuideJobs[Type]['answer'];
  }

  import(
    sourceId: number,
    options: Partial<ReadingOptions> = {},
    nowS = NOW_S,
  ): Promise<GuideJobs['import']['answer']> {
    return this.run<'import'>({
      type: 'import',
      database: this.file,
      sourceId,
      nowS,
      options: { ...READING, ...options },
    });
  }

  match(sourceOrder: number[] = [], nowS = NOW_S): Promise<GuideJobs['match']['answer']> {
    return this.run<'match'>({ type: 'match', database: this.file, sourceOrder, nowS });
  }

  /** Every programme there is; times are hours from {@link NOW_S}. */
  programmes(sourceId?: number): StoredProgramme[] {
    return this.database.connection
      .prepare(
        `SELECT g.xmltv_id AS channel, (p.start_at - ${NOW_S}) / 3600.0 AS start, (p.stop_at - ${NOW_S}) / 3600.0 AS stop, p.title
         FROM programmes AS p JOIN guide_channels AS g ON g.id = p.guide_channel_id
         WHERE @sourceId IS NULL OR g.guide_source_id = @sourceId ORDER BY g.xmltv_id, p.start_at`,
      )
      .all({ sourceId: sourceId ?? null }) as StoredProgramme[];
  }

  /** The mapping of each channel, as `xmltv id, how, score`. */
  mappings(): Record<number, string> {
    const rows = this.database.connection
      .prepare(
        `SELECT m.channel_id AS id, g.xmltv_id AS xmltvId, m.how, m.score
         FROM guide_mappings AS m JOIN guide_channels AS g ON g.id = m.guide_channel_id`,
      )
      .all() as { id: number; xmltvId: string; how: string; score: number }[];
    return Object.fromEntries(rows.map(({ id, xmltvId, how, score }) => [id, `${xmltvId}, ${how}, ${score}`]));
  }
}

/** A time some hours from {@link NOW_S}, as XMLTV writes it. */
export function at(hours: number): string {
  return `${new Date((NOW_S + hours * HOUR_S) * 1000).toISOString().replace(/[-T:]/g, '').slice(0, 14)} +0000`;
}

/** A pool whose jobs run in the test's thread. */
export class InlineJobs implements JobRunner {
  readonly #running = new Set<Promise<unknown>>();

  async run<Answer>(_name: string, request: object, options: Parameters<JobRunner['run']>[2]): Promise<Answer> {
    const job = inline(port => guideJob({ request: request as GuideRequest, port }) as Promise<Answer>, options);
    const settled = job.then(
      () => {},
      () => {},
    );
    this.#running.add(settled);
    void settled.then(() => this.#running.delete(settled));
    return await job;
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }
}

/** What a guide told, in order. */
export class RecordedEvents implements GuideEvents {
  readonly told: string[] = [];
  guideRead({ source, answer }: Parameters<GuideEvents['guideRead']>[0]): void {
    this.told.push(`${source.name} ${answer.state}`);
  }
  guideFailed({ source, failure }: Parameters<GuideEvents['guideFailed']>[0]): void {
    this.told.push(`${source.name} ${failure.code}`);
  }
  guideMatched({ matched }: Parameters<GuideEvents['guideMatched']>[0]): void {
    this.told.push(`${matched} matched`);
  }
  guideBroken(error: unknown): void {
    this.told.push(`broken: ${String(error)}`);
  }
}
