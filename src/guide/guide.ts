/** The programme guide: reads its sources when they are due, finds every channel's guide, and answers what is on. */
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { CatalogEvents } from '../catalog/catalog-events.ts';
import type { Database } from '../catalog/database.ts';
import { placeText } from './guide-address.ts';
import { type GuideDocument, GuideDocuments } from './guide-documents.ts';
import type { GuideEvents } from './guide-events.ts';
import type {
  ChannelSelection,
  GuideProgress,
  ImportAnswer,
  MatchAnswer,
  ReadingCounts,
  ReadingOptions,
} from './guide-job.ts';
import { GuideJobRunner, type GuidePools } from './guide-jobs.ts';
import { type GuideListing, GuideListings, type ListingQuery, type NowNext } from './guide-listings.ts';
import { GuideMappings } from './guide-mappings.ts';
import { GuideMatches } from './guide-matches.ts';
import { GuideReadings } from './guide-readings.ts';
import {
  checkedPlace,
  type GuideSource,
  type GuideSourceChange,
  type GuideSourceInput,
  GuideSources,
} from './guide-sources.ts';

export type { GuideDocument } from './guide-documents.ts';
export { guideIdOf } from './guide-id.ts';
export type { ChannelSelection, ImportAnswer, MatchAnswer, ReadingCounts } from './guide-job.ts';
export type { GuideListing, ListingQuery, NowNext } from './guide-listings.ts';
export type { GuideSource, GuideSourceChange, GuideSourceInput } from './guide-sources.ts';

/** What a guide needs. */
export interface GuideOptions {
  database: Database;
  /** The file of the database: jobs open it themselves. */
  databasePath: string;
  /** Folder for documents; whatever is in there is removed. */
  documentsFolder: string;
  jobs: GuidePools;
  catalog: CatalogEvents;
  events: GuideEvents;
  /** Places that the configuration names, the preferred one first. */
  configured: readonly string[];
  /** How often a source is read that says nothing else. */
  intervalS: number;
  reading: ReadingOptions;
  /** Unix seconds. */
  now?: () => number;
}

/** A source, how much of it there is, and whether it is being read. */
export interface GuideSourceState extends GuideSource {
  /** Undefined until it was counted, soon after the start. */
  readonly channels: number | undefined;
  readonly programmes: number | undefined;
  /** How far a reading is; null while there is none. */
  readonly progress: GuideProgress | null;
}

/** Changes in quick succession, as an administrator makes them, are taken together. */
const SETTLE_MS = 2_000;
const PRUNE_EVERY_MS = 6 * 3_600_000;

/** The guide. */
export class Guide {
  /** Which guide channel each channel shows. */
  readonly mappings: GuideMappings;
  readonly #options: GuideOptions;
  readonly #now: () => number;
  readonly #jobs: GuideJobRunner;
  readonly #sources: GuideSources;
  readonly #readings: GuideReadings;
  readonly #matches: GuideMatches;
  readonly #listings: GuideListings;
  readonly #documents: GuideDocuments;
  readonly #stopListening: () => void;
  readonly #background = new Set<Promise<unknown>>();
  #revision = 1;
  #settling: NodeJS.Timeout | undefined;
  #needsMatching = false;
  #pruning: NodeJS.Timeout | undefined;

  constructor(options: GuideOptions) {
    const { database, databasePath, events, reading } = options;
    this.#options = options;
    this.#now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.#jobs = new GuideJobRunner(options.jobs, databasePath);
    this.#sources = new GuideSources(database, options.intervalS);
    this.#matches = new GuideMatches(this.#jobs, events, this.#now);
    this.#readings = new GuideReadings({
      jobs: this.#jobs,
      sources: this.#sources,
      events,
      reading,
      now: this.#now,
      changed: () => this.rematch(),
    });
    this.#listings = new GuideListings(database);
    this.#documents = new GuideDocuments(options.documentsFolder, {
      revision: () => this.#revision,
      write: request => {
        const window = { fromS: this.#now() - reading.pastS, toS: this.#now() + reading.futureS };
        return this.#jobs.run<'export'>({ type: 'export', ...window, ...request });
      },
    });
    this.mappings = new GuideMappings(database, needsMatching => this.#changed(needsMatching));
    this.#stopListening = options.catalog.onChanged(() => this.#changed(true));
  }

  /** Takes the configuration's sources over, and begins to read what is due. */
  start(): void {
    this.#removeLeftovers();
    const { order, dropped } = this.#sources.configure(this.#options.configured);
    this.#matches.sourceOrder = order;
    for (const source of this.#sources.list()) {
      if (dropped.includes(source.id)) this.#later(this.#readings.remove(source.id).then(() => this.rematch()));
      else this.#readings.plan(source);
    }
    this.#later(this.rematch());
    this.#pruning = setInterval(() => this.#later(this.#prune()), PRUNE_EVERY_MS).unref();
  }

  /** Ends whatever it does; guides that are half read leave nothing behind. Idempotent. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#readings.close();
    clearTimeout(this.#settling);
    clearInterval(this.#pruning);
    await this.#jobs.close();
    await Promise.allSettled(this.#background);
    this.#documents.close();
  }

  /** Figures for metrics: programmes, and channels that have a guide. */
  get totals(): { programmes: number; matched: number } {
    const { sources = [], matched = 0 } = this.#matches.latest ?? {};
    return { programmes: sources.reduce((sum, source) => sum + source.programmes, 0), matched };
  }

  /** All sources, the oldest first. */
  sources(): GuideSourceState[] {
    return this.#sources.list().map(source => this.#stateOf(source));
  }

  /** @throws SluiceError `catalog_not_found` */
  source(id: number): GuideSourceState {
    return this.#stateOf(this.#sources.get(id));
  }

  /**
   * Adds a source, which is read soon.
   * @throws SluiceError `catalog_invalid` or `catalog_conflict`
   */
  createSource(input: GuideSourceInput): GuideSourceState {
    const source = this.#sources.create(input);
    this.#readings.plan(source);
    return this.#stateOf(source);
  }

  /**
   * Changes a source.
   * @throws SluiceError `catalog_not_found`, `catalog_invalid`, or `catalog_conflict` also for what EPG_SOURCES says
   */
  updateSource(id: number, change: GuideSourceChange): GuideSourceState {
    const source = this.#sources.update(id, change);
    this.#readings.plan(change.place === undefined ? source : { ...source, lastRunAt: null });
    if (change.enabled !== undefined) this.#changed(true);
    return this.#stateOf(source);
  }

  /**
   * Removes a source with all that came from it.
   * @throws SluiceError `catalog_not_found`, or `catalog_conflict` for one of EPG_SOURCES
   */
  async removeSource(id: number): Promise<void> {
    this.#sources.expectRemovable(id);
    await this.#readings.remove(id);
    await this.rematch();
  }

  /**
   * Reads a source now; everything stays as it is when that fails. One that is being read is not read twice.
   * @throws SluiceError why there is no new guide
   */
  run(id: number): Promise<ImportAnswer> {
    return this.#readings.run(id);
  }

  /**
   * Reads a guide without keeping anything.
   * @throws SluiceError why it could not be used
   */
  async preview(place: string): Promise<ReadingCounts> {
    const request = { place: placeText(checkedPlace(place)), nowS: this.#now(), options: this.#options.reading };
    return await this.#jobs.run<'preview'>({ type: 'preview', ...request });
  }

  /** Finds the guide of every channel anew. */
  async rematch(): Promise<MatchAnswer> {
    const answer = await this.#matches.run();
    this.#revision++;
    this.#later(this.#documents.refresh());
    return answer;
  }

  /** What is on now and next, for each of these channels that has a guide. */
  nowNext(channelIds: readonly number[]): Map<number, NowNext> {
    return this.#listings.nowNext(channelIds, this.#now());
  }

  /** Programmes of a channel that are on at some time between two; all there are if neither is given. */
  programmes(channelId: number, query: ListingQuery = {}): GuideListing[] {
    return this.#listings.programmes(channelId, query);
  }

  /** Programmes of a channel from the one that is on; with those that are over, if wanted. */
  listingsFor(channelId: number, { limit, past = false }: { limit?: number; past?: boolean } = {}): GuideListing[] {
    return this.#listings.programmes(channelId, { fromS: past ? 0 : this.#now(), limit });
  }

  /** The XMLTV document of these channels, as far as they have a guide. */
  xmltvFor(selection: ChannelSelection): Promise<GuideDocument> {
    return this.#documents.get(selection);
  }

  async #prune(): Promise<void> {
    await this.#jobs.run<'prune'>({ type: 'prune', endedBeforeS: this.#now() - this.#options.reading.pastS });
    await this.rematch();
  }

  /** Something that documents show is different; matching is done when no more changes come. */
  #changed(needsMatching: boolean): void {
    this.#revision++;
    this.#needsMatching ||= needsMatching;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      const isMatching = this.#needsMatching;
      this.#needsMatching = false;
      this.#later(isMatching ? this.rematch() : this.#documents.refresh());
    }, SETTLE_MS).unref();
  }

  /** Lets something happen that nobody waits for. */
  #later(work: Promise<unknown>): void {
    const settled = work
      .catch((error: unknown) => {
        if (!this.#jobs.isClosing) this.#options.events.guideBroken(error);
      })
      .finally(() => this.#background.delete(settled));
    this.#background.add(settled);
  }

  #stateOf(source: GuideSource): GuideSourceState {
    const totals = this.#matches.latest?.sources.find(({ sourceId }) => sourceId === source.id);
    const progress = this.#readings.progress(source.id);
    return { ...source, channels: totals?.channels, programmes: totals?.programmes, progress };
  }

  /** Removes what readings left that were killed. */
  #removeLeftovers(): void {
    const { dir, base } = path.parse(path.resolve(this.#options.databasePath));
    for (const name of readdirSync(dir))
      if (name.startsWith(`${base}.guide-`) && name.endsWith('.tmp')) rmSync(path.join(dir, name), { force: true });
  }
}
