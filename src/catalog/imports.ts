/** Imports: lists of channels that are read again and again, each by a job in a thread of its own. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SluiceError } from '../shared/errors.ts';
import type { CatalogEvents } from './catalog-events.ts';
import type { Database } from './database.ts';
import type { ImportAnswer, ImportProgress, ImportRequest } from './import-run.ts';
import { ImportSchedule } from './import-schedule.ts';
import {
  type Import,
  type ImportChange,
  type ImportInput,
  type ImportRun,
  ImportStore,
  type RunEnd,
} from './import-store.ts';

/** Removing thousands of channels in one go would hold the front up. */
const RELEASED_AT_ONCE = 200;

/** Whatever runs jobs in threads of its own. */
export interface JobRunner {
  run<Answer>(
    name: string,
    request: object,
    options: { signal?: AbortSignal; onProgress?: (progress: unknown) => void },
  ): Promise<Answer>;
}

/** Told what imports do. */
export interface ImportEvents {
  importFinished(about: Import, run: ImportRun, seconds: number): void;
  /** A job ended in a way that no list should be able to bring about. */
  importCrashed(about: Import, cause: unknown): void;
}

/** What imports work with. */
export interface ImportsOptions {
  database: Database;
  /** Where jobs find the database. */
  databasePath: string;
  jobs: JobRunner;
  events: CatalogEvents;
  observer: ImportEvents;
  userAgent: string;
  /** Where local lists lie. */
  folder: string;
}

/** What an import would change. */
export type ImportPreview = Omit<Extract<ImportAnswer, { state: 'done' }>, 'state'>;

interface Running {
  abort: AbortController;
  done: Promise<ImportRun>;
  progress: ImportProgress | undefined;
}

/** All imports. */
export class Imports {
  readonly #options: ImportsOptions;
  readonly #store: ImportStore;
  readonly #schedule: ImportSchedule;
  readonly #running = new Map<number, Running>();
  /** Previews and removals under way, and what ends them. */
  readonly #others = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(options: ImportsOptions) {
    this.#options = options;
    this.#store = new ImportStore(options.database.connection);
    this.#schedule = new ImportSchedule(id => void this.run(id).catch(() => {})); // Its end is noted by itself.
  }

  /** Takes the configured lists over, and begins to read what is due. */
  start(configured: readonly string[], intervalMs: number): void {
    this.#store.failInterrupted();
    this.#store.configure(configured, Math.round(intervalMs / 1000));
    for (const about of this.#store.list()) if (about.enabled) this.#schedule.plan(about);
  }

  /** All of them. */
  list(): Import[] {
    return this.#store.list();
  }

  /** @throws SluiceError `catalog_not_found` */
  get(id: number): Import {
    return this.#store.get(id);
  }

  /** How far a run is; undefined where none is under way. */
  progress(id: number): ImportProgress | undefined {
    return this.#running.get(id)?.progress;
  }

  /** Whether a job holds, or is about to take, the lock for writing: who can wait with a write of its own, should. */
  get isWriting(): boolean {
    return [...this.#running.values()].some(({ progress }) => progress?.phase === 'applying');
  }

  /**
   * Adds an import; unless it is disabled it is read at once.
   * @throws SluiceError `catalog_invalid` or `catalog_conflict`
   */
  create(input: ImportInput): Import {
    const about = this.#store.create(input);
    if (about.enabled) this.#schedule.plan(about);
    return about;
  }

  /** @throws SluiceError `catalog_not_found`, `catalog_invalid` or `catalog_conflict` */
  update(id: number, change: ImportChange): Import {
    const about = this.#store.update(id, change);
    if (about.enabled) this.#schedule.plan(about);
    else this.#schedule.drop(id);
    return about;
  }

  /**
   * Removes an import with its channels, or without.
   * @throws SluiceError `catalog_not_found`, or `catalog_conflict` for one that the configuration names
   */
  async remove(id: number, { keepChannels = false } = {}): Promise<void> {
    if (this.#store.get(id).configured)
      throw new SluiceError(
        'catalog_conflict',
        'This import is one of the configuration (SCRAPER_URLS); remove it there.',
      );
    await this.#tracked(this.#remove(id, keepChannels));
  }

  async #remove(id: number, keepChannels: boolean): Promise<void> {
    this.update(id, { enabled: false });
    const running = this.#running.get(id);
    running?.abort.abort();
    await running?.done;
    while (this.#store.release(id, keepChannels, RELEASED_AT_ONCE)) {
      await nextTurn();
      this.#closing.signal.throwIfAborted();
    }
    this.#store.delete(id);
    this.#options.events.changed();
  }

  /** Lets a list bring back channels that were deleted by hand. @throws SluiceError `catalog_not_found` */
  restoreDeleted(id: number): void {
    this.#store.forgetOmissions(id);
  }

  /** What a run would change now. @throws SluiceError why the list can't be used */
  async preview(id: number): Promise<ImportPreview> {
    this.#store.get(id);
    const answer = await this.#tracked(
      this.#options.jobs.run<ImportAnswer>('import', this.#request(id, undefined), { signal: this.#closing.signal }),
    );
    if (answer.state === 'failed') throw SluiceError.fromWire(answer.problem);
    if (answer.state === 'unchanged')
      throw new SluiceError('source_bad_answer', 'The source answered with status 304.');
    const { state: _, ...preview } = answer;
    return preview;
  }

  /**
   * Reads a list now. Whoever asks while it is being read gets the same run.
   * @returns the run, failed or not
   * @throws SluiceError `catalog_not_found` or `shutting_down`
   */
  async run(id: number): Promise<ImportRun> {
    if (this.#closing.signal.aborted) throw new SluiceError('shutting_down', 'The gateway is ending.');
    const running = this.#running.get(id);
    if (running !== undefined) return running.done;
    const about = this.#store.get(id);
    const started: Running = { abort: new AbortController(), done: undefined as never, progress: undefined };
    this.#running.set(id, started);
    started.done = this.#execute(about, started).finally(() => this.#running.delete(id));
    return started.done;
  }

  /** The latest runs of an import, the newest first. @throws SluiceError `catalog_not_found` */
  runs(id: number, limit: number): ImportRun[] {
    this.#store.get(id);
    return this.#store.runs(id, limit);
  }

  /** Ends what is under way; the catalogue stays as it is. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#schedule.close();
    for (const { abort } of this.#running.values()) abort.abort();
    await Promise.allSettled([...this.#others, ...[...this.#running.values()].map(({ done }) => done)]);
  }

  async #execute(about: Import, running: Running): Promise<ImportRun> {
    const beganMs = performance.now();
    const runId = this.#store.begin(about.id);
    const end = await this.#work(about, runId, running);
    const run = this.#store.finish(about.id, runId, end);
    if (run.state === 'done') this.#options.events.changed();
    this.#options.observer.importFinished(about, run, (performance.now() - beganMs) / 1000);
    // It may have been changed or disabled meanwhile.
    const now = this.#store.list().find(({ id }) => id === about.id);
    if (now?.enabled && !this.#closing.signal.aborted) this.#schedule.after(now, run.state === 'failed');
    return run;
  }

  /** @returns how the run ended, unless the job has noted that together with what it changed */
  async #work(about: Import, runId: number, running: Running): Promise<RunEnd | undefined> {
    try {
      const answer = await this.#options.jobs.run<ImportAnswer>('import', this.#request(about.id, runId), {
        signal: running.abort.signal,
        onProgress: progress => {
          running.progress = progress as ImportProgress;
        },
      });
      if (answer.state === 'failed') return { state: 'failed', problem: answer.problem.message };
      return answer.state === 'unchanged' ? answer : undefined;
    } catch (error) {
      if (running.abort.signal.aborted) return { state: 'failed', problem: 'The import was stopped.' };
      this.#options.observer.importCrashed(about, error);
      return { state: 'failed', problem: 'Something went wrong inside the gateway; its log has the details.' };
    }
  }

  #request(importId: number, runId: number | undefined): ImportRequest {
    const { databasePath: database, userAgent, folder } = this.#options;
    return { database, importId, runId, userAgent, folder };
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#others.add(work);
    try {
      return await work;
    } finally {
      this.#others.delete(work);
    }
  }
}
