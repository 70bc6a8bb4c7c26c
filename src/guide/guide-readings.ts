import { ImportSchedule } from '../catalog/import-schedule.ts';
import { SluiceError } from '../shared/errors.ts';
import type { GuideEvents } from './guide-events.ts';
import type { GuideProgress, ImportAnswer, ReadingOptions } from './guide-job.ts';
import type { GuideJobRunner } from './guide-jobs.ts';
import type { GuideSource, GuideSources } from './guide-sources.ts';

/** What readings need. */
export interface GuideReadingsOptions {
  jobs: GuideJobRunner;
  sources: GuideSources;
  events: GuideEvents;
  reading: ReadingOptions;
  now: () => number;
  /** A source has something new; what it does belongs to the reading. */
  changed: () => Promise<unknown>;
}

/** Reads sources when they are due, or when somebody asks for it. */
export class GuideReadings {
  readonly #options: GuideReadingsOptions;
  readonly #schedule: ImportSchedule;
  readonly #running = new Map<number, { done: Promise<ImportAnswer>; progress: GuideProgress }>();
  readonly #leaving = new Set<number>();

  constructor(options: GuideReadingsOptions) {
    this.#options = options;
    // Whoever listens to events hears of failures.
    this.#schedule = new ImportSchedule(id => void this.run(id).catch(() => {}));
  }

  /** Schedules a source, or no longer if it is not enabled; one without an interval is filled by somebody else. */
  plan(source: GuideSource): void {
    if (source.enabled && source.intervalS > 0 && !this.#leaving.has(source.id)) this.#schedule.plan(source);
    else this.#schedule.drop(source.id);
  }

  /** How far the reading of a source is; null while there is none. */
  progress(id: number): GuideProgress | null {
    return this.#running.get(id)?.progress ?? null;
  }

  /**
   * Reads a source now; one that is being read is not read twice.
   * @throws SluiceError why there is no new guide
   */
  async run(id: number): Promise<ImportAnswer> {
    const running = this.#running.get(id);
    if (running !== undefined) return await running.done;
    const source = this.#options.sources.get(id);
    const run = { done: this.#read(source), progress: { bytes: 0, programmes: 0 } };
    this.#running.set(id, run);
    try {
      return await run.done;
    } finally {
      this.#running.delete(id);
    }
  }

  /** Removes a source with all that came from it, after a reading that is under way. */
  async remove(id: number): Promise<void> {
    this.#leaving.add(id);
    try {
      this.#schedule.drop(id);
      await this.#running.get(id)?.done.catch(() => {}); // Two jobs must not write the same source.
      await this.#options.jobs.run<'remove'>({ type: 'remove', sourceId: id });
    } finally {
      this.#leaving.delete(id);
    }
  }

  /** Nothing is due any more. */
  close(): void {
    this.#schedule.close();
  }

  async #read(source: GuideSource): Promise<ImportAnswer> {
    const { jobs, events, reading: options, now, changed } = this.#options;
    const startedMs = performance.now();
    try {
      const request = { type: 'import', sourceId: source.id, nowS: now(), options } as const;
      const answer = await jobs.run<'import'>(request, progress => {
        const run = this.#running.get(source.id);
        if (run !== undefined) run.progress = progress;
      });
      events.guideRead({ source, answer, ms: performance.now() - startedMs });
      this.#again(source, false);
      if (answer.state === 'done') await changed();
      return answer;
    } catch (error) {
      if (!jobs.isClosing) this.#failed(source, SluiceError.from(error), performance.now() - startedMs);
      throw error;
    }
  }

  #failed(source: GuideSource, failure: SluiceError, ms: number): void {
    this.#options.sources.failed(source.id, failure.message);
    this.#options.events.guideFailed({ source, failure, ms });
    this.#again(source, true);
  }

  #again({ id }: GuideSource, failed: boolean): void {
    const source = this.#options.sources.find(id);
    if (source?.enabled === true && !this.#leaving.has(id)) this.#schedule.after(source, failed);
  }
}
