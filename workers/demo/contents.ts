import { CONTENT_KINDS, Content, type ContentDefaults, type ContentSpec } from './content.ts';

/** Digits that only the infohash of a benchmark content starts with; eight more count the contents. */
const BENCH_INFOHASH = 'b'.repeat(32);
const BENCH_CONTENT_ID = 'c'.repeat(32);

const HASH = /^[0-9a-f]{40}$/;

/** The channels that are there from the start: the built-in clip, each joined at another place. */
export const DEMO_CONTENTS: readonly { contentId: string; infohash: string; name: string }[] = [
  {
    contentId: 'd0c0000000000000000000000000000000000001',
    infohash: 'da5a000000000000000000000000000000000001',
    name: 'Sluice demo 1',
  },
  {
    contentId: 'd0c0000000000000000000000000000000000002',
    infohash: 'da5a000000000000000000000000000000000f02',
    name: 'Sluice demo 2',
  },
  {
    contentId: 'd0c0000000000000000000000000000000000003',
    infohash: 'da5a000000000000000000000000000000001e03',
    name: 'Sluice demo 3',
  },
];

/** Every content the engine knows, by infohash and by content id. */
export class Contents {
  readonly #byInfohash = new Map<string, Content>();
  readonly #byContentId = new Map<string, Content>();
  /** Infohashes that were loaded: engines then take them as an id, too. */
  readonly #loaded = new Set<string>();
  readonly #defaults: ContentDefaults;

  constructor(defaults: ContentDefaults) {
    this.#defaults = defaults;
    for (const { infohash, ...rest } of DEMO_CONTENTS) this.put(infohash, { ...rest, kind: 'clip' });
  }

  /** Adds a content or replaces the one with this infohash. */
  put(infohash: string, spec: ContentSpec): Content {
    if (!HASH.test(infohash) || (spec.contentId !== undefined && !HASH.test(spec.contentId)))
      throw new Error('infohash and contentId are 40 lower-case hex digits');
    if (!CONTENT_KINDS.includes(spec.kind)) throw new Error(`kind is one of ${CONTENT_KINDS.join(', ')}`);
    if (spec.contentId === infohash) throw new Error('a content id is never the infohash');
    const content = new Content(infohash, spec, this.#defaults);
    const previous = this.#byInfohash.get(infohash);
    if (previous) this.#byContentId.delete(previous.contentId);
    this.#byInfohash.set(infohash, content);
    this.#byContentId.set(content.contentId, content);
    return content;
  }

  /** The content with this infohash; benchmark contents come into being when they are asked for. */
  byInfohash(infohash: string): Content | undefined {
    const hash = infohash.toLowerCase();
    const known = this.#byInfohash.get(hash);
    if (known || !HASH.test(hash) || !hash.startsWith(BENCH_INFOHASH)) return known;
    const index = hash.slice(BENCH_INFOHASH.length);
    return this.put(hash, { contentId: BENCH_CONTENT_ID + index, name: `Bench ${index}`, kind: 'synthetic' });
  }

  /** The content with this content id; an infohash only counts once it was loaded by that name. */
  byContentId(id: string): Content | undefined {
    const hash = id.toLowerCase();
    if (this.#loaded.has(hash)) return this.byInfohash(hash);
    if (HASH.test(hash) && hash.startsWith(BENCH_CONTENT_ID))
      return this.byInfohash(BENCH_INFOHASH + hash.slice(BENCH_CONTENT_ID.length));
    return this.#byContentId.get(hash);
  }

  /** Notes that a content was loaded by its infohash. */
  noteLoaded(infohash: string): void {
    this.#loaded.add(infohash);
  }

  /** Forgets which infohashes were loaded, as a restarted engine does. */
  forgetLoaded(): void {
    this.#loaded.clear();
  }

  /** All contents that exist so far. */
  list(): Content[] {
    return [...this.#byInfohash.values()];
  }
}
