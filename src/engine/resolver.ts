import { SluiceError } from '../shared/errors.ts';
import type { ContentSelector } from '../shared/stream-spec.ts';
import { isEngineFault } from './engine-fault.ts';
import type { MediaInfo } from './engine-wire.ts';

/** For all engines that are asked about a content, because a viewer waits. */
const RESOLVE_TIMEOUT_MS = 3_000;
/** An engine that knows a content answers within milliseconds; less than this would give up on a busy one. */
const MIN_ATTEMPT_MS = 1_000;
/** A published content's infohash rarely changes (acestream-engine-api 6.4). */
const KEEP_MS = 10 * 60_000;
const KEEP_FAILURE_MS = 30_000;
const MAX_ENTRIES = 10_000;

/** Whoever can look a content up. */
export interface MediaLookup {
  mediaInfo(selector: ContentSelector, timeoutMs: number): Promise<MediaInfo>;
}

interface Entry {
  infohash: string | undefined;
  untilMs: number;
}

/**
 * Finds a content's infohash without opening a session, so that id, magnet and infohash of one content share one
 * stream. Concurrent questions about one content share one answer.
 */
export class Resolver {
  readonly #engines: () => Promise<readonly MediaLookup[]>;
  readonly #now: () => number;
  readonly #known = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<string | undefined>>();

  /** @param engines those that can be asked, the best first */
  constructor(engines: () => Promise<readonly MediaLookup[]>, now: () => number = () => performance.now()) {
    this.#engines = engines;
    this.#now = now;
  }

  /** What is known without asking anybody. */
  cached(selector: ContentSelector): string | undefined {
    if (selector.kind === 'infohash') return selector.value;
    return this.#fresh(selector)?.infohash;
  }

  /** The content's infohash, or undefined when no engine could tell in time. */
  resolve(selector: ContentSelector): Promise<string | undefined> {
    if (selector.kind === 'infohash') return Promise.resolve(selector.value);
    const entry = this.#fresh(selector);
    if (entry !== undefined) return Promise.resolve(entry.infohash);
    const id = `${selector.kind} ${selector.value}`;
    let asking = this.#asking.get(id);
    if (asking === undefined) {
      asking = this.#ask(selector).finally(() => this.#asking.delete(id));
      this.#asking.set(id, asking);
    }
    return asking;
  }

  #fresh(selector: ContentSelector): Entry | undefined {
    const entry = this.#known.get(`${selector.kind} ${selector.value}`);
    return entry !== undefined && entry.untilMs > this.#now() ? entry : undefined;
  }

  async #ask(selector: ContentSelector): Promise<string | undefined> {
    const engines = await this.#engines();
    if (engines.length === 0) return undefined;
    const infohash = await this.#firstAnswer(selector, engines);
    const id = `${selector.kind} ${selector.value}`;
    this.#known.delete(id);
    this.#known.set(id, { infohash, untilMs: this.#now() + (infohash === undefined ? KEEP_FAILURE_MS : KEEP_MS) });
    if (this.#known.size > MAX_ENTRIES) this.#known.delete(this.#known.keys().next().value!);
    return infohash;
  }

  /**
   * Asks one engine after the other until one answers, be it that it does not know. One that is silent costs its share
   * of the time only. The start of the stream will meet the same problems, and report them with their reasons.
   */
  async #firstAnswer(selector: ContentSelector, engines: readonly MediaLookup[]): Promise<string | undefined> {
    const untilMs = this.#now() + RESOLVE_TIMEOUT_MS;
    for (const [asked, engine] of engines.entries()) {
      const leftMs = untilMs - this.#now();
      if (leftMs <= 0) break;
      const shareMs = Math.max(MIN_ATTEMPT_MS, leftMs / (engines.length - asked));
      try {
        return (await engine.mediaInfo(selector, Math.ceil(Math.min(leftMs, shareMs)))).infohash;
      } catch (error) {
        if (!isEngineFault(SluiceError.from(error).code)) return undefined;
      }
    }
    return undefined;
  }
}
