import type { ContentSelector } from '../shared/stream-spec.ts';
import type { EngineClient } from './engine-client.ts';

const RESOLVE_TIMEOUT_MS = 3_000;
/** A published content's infohash rarely changes (acestream-engine-api 6.4). */
const KEEP_MS = 10 * 60_000;
const KEEP_FAILURE_MS = 30_000;
const MAX_ENTRIES = 10_000;

interface Entry {
  infohash: string | undefined;
  untilMs: number;
}

/**
 * Finds a content's infohash without opening a session, so that id, magnet and infohash of one content share one
 * stream. Concurrent questions about one content share one answer.
 */
export class Resolver {
  readonly #engine: () => Promise<EngineClient | undefined>;
  readonly #now: () => number;
  readonly #known = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<string | undefined>>();

  /** @param engine the engine to ask, or undefined when none is healthy */
  constructor(engine: () => Promise<EngineClient | undefined>, now: () => number = () => performance.now()) {
    this.#engine = engine;
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
    const engine = await this.#engine();
    if (engine === undefined) return undefined;
    let infohash: string | undefined;
    try {
      ({ infohash } = await engine.mediaInfo(selector, RESOLVE_TIMEOUT_MS));
    } catch {
      // The start of the stream will meet the same problem, and report it with its reason.
    }
    const id = `${selector.kind} ${selector.value}`;
    this.#known.delete(id);
    this.#known.set(id, { infohash, untilMs: this.#now() + (infohash === undefined ? KEEP_FAILURE_MS : KEEP_MS) });
    if (this.#known.size > MAX_ENTRIES) this.#known.delete(this.#known.keys().next().value!);
    return infohash;
  }
}
