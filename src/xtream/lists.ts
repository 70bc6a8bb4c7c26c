/**
 * The lists of channels, ready to be sent. Each is written once after a change of the catalogue, by a job, and kept until
 * the next one; what an account may not see is left out by copying the rest. A catalogue of 50 000 channels costs the
 * front a few milliseconds a request that way, and none while a list is being written.
 */
import { promisify } from 'node:util';
import { gzip, type ZlibOptions } from 'node:zlib';
import { GZIP_OPTIONS, LIST_FORMS, type ListKind, type WrittenList } from './list-kinds.ts';
import { type RowSelection, type RowTable, selectRows } from './row-table.ts';

/** A body, plain and compressed. */
export interface EncodedBody {
  readonly plain: Uint8Array;
  /** Compressed when somebody wants it so; undefined where that would gain nothing. */
  gzip(): Promise<Uint8Array> | undefined;
}

/** What lists are made with. */
export interface ListsOptions {
  /** Writes a list as the catalogue is now. */
  write: (kind: ListKind) => Promise<WrittenList>;
  /** Told when writing ahead failed; whoever asks next tries again. */
  onFailure: (kind: ListKind, error: unknown) => void;
  /** Most bytes of selections that are kept for the next who may see the same. */
  maxSelectionBytes?: number;
  /** Quiet time after a change before lists are written ahead: changes come in bursts. */
  quietMs?: number;
}

interface Built extends WrittenList {
  readonly generation: number;
}

interface Shelf {
  built?: Built | undefined;
  building?: Promise<Built> | undefined;
  /** The generation that is being written. */
  buildingGeneration: number;
}

const QUIET_MS = 100;
/** Lists that players ask for first; the others are written ahead once somebody has asked for them. */
const ALWAYS_AHEAD: readonly ListKind[] = ['live', 'playlist'];
const MAX_SELECTION_BYTES = 64 * 1024 * 1024;
/** Below this, compression saves less than a packet. */
const MIN_GZIP_BYTES = 1_024;
const compress = promisify<Uint8Array, ZlibOptions, Buffer>(gzip);

/** A body that is compressed at most once. */
export function encodedBody(plain: Uint8Array, compressed?: Uint8Array | null): EncodedBody {
  let pending = compressed ? Promise.resolve(compressed) : undefined;
  return {
    plain,
    gzip: () => {
      if (plain.length < MIN_GZIP_BYTES) return undefined;
      pending ??= compress(plain, GZIP_OPTIONS);
      return pending;
    },
  };
}

/** All lists. */
export class Lists {
  readonly #options: ListsOptions;
  readonly #shelves = new Map<ListKind, Shelf>();
  /** Selections of the current generation, the one used last at the end. */
  readonly #selections = new Map<string, { body: EncodedBody; table: RowTable }>();
  #selectionBytes = 0;
  /** Counts changes of the catalogue. */
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ListsOptions) {
    this.#options = options;
  }

  /** The catalogue has changed: what was written is out of date, and is written anew as soon as it is quiet. */
  changed(): void {
    this.#generation++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#writeAhead(), this.#options.quietMs ?? QUIET_MS).unref();
  }

  /** Writes the lists that players ask for first, before anybody does. */
  warm(): void {
    this.#writeAhead();
  }

  /** Writes nothing ahead any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** A list with all rows, as the catalogue is at this moment or later. */
  async table(kind: ListKind): Promise<RowTable> {
    return (await this.#current(kind)).table;
  }

  /**
   * The rows of a list that one account may see.
   * @param selection `offset` and `limit` are for the few who page: such a part is not kept
   */
  async select(kind: ListKind, selection: RowSelection): Promise<EncodedBody> {
    const { table, gzip } = await this.#current(kind);
    const { categories, offset = 0, limit = 0 } = selection;
    if (offset > 0 || limit > 0) return encodedBody(this.#cut(kind, table, selection));
    const key = `${kind} ${categories === null ? '*' : [...categories].sort((a, b) => a - b).join()}`;
    const kept = this.#selections.get(key);
    if (kept?.table === table) {
      this.#selections.delete(key);
      this.#selections.set(key, kept);
      return kept.body;
    }
    const body = categories === null ? encodedBody(table.bytes, gzip) : encodedBody(this.#cut(kind, table, selection));
    this.#keep(key, table, body);
    return body;
  }

  #cut(kind: ListKind, table: RowTable, selection: RowSelection): Uint8Array {
    return selectRows(table, selection, LIST_FORMS[kind].separator);
  }

  #keep(key: string, table: RowTable, body: EncodedBody): void {
    this.#drop(key);
    this.#selections.set(key, { body, table });
    this.#selectionBytes += body.plain.length;
    const most = this.#options.maxSelectionBytes ?? MAX_SELECTION_BYTES;
    for (const oldest of this.#selections.keys()) {
      if (this.#selectionBytes <= most || oldest === key) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#selectionBytes -= this.#selections.get(key)?.body.plain.length ?? 0;
    this.#selections.delete(key);
  }

  /** Selections keep the whole list alive that they were cut from. */
  #dropOutdated(table: RowTable, kind: ListKind): void {
    for (const [key, kept] of this.#selections) if (key.startsWith(`${kind} `) && kept.table !== table) this.#drop(key);
  }

  #shelf(kind: ListKind): Shelf {
    const shelf = this.#shelves.get(kind) ?? { buildingGeneration: -1 };
    this.#shelves.set(kind, shelf);
    return shelf;
  }

  /** What is there already if it is recent enough, else what is being written now, else what is written next. */
  async #current(kind: ListKind): Promise<Built> {
    const wanted = this.#generation;
    const shelf = this.#shelf(kind);
    for (;;) {
      if (shelf.built !== undefined && shelf.built.generation >= wanted) return shelf.built;
      if (shelf.building === undefined) this.#start(kind, shelf);
      const built = await shelf.building!;
      if (built.generation >= wanted) return built;
    }
  }

  #start(kind: ListKind, shelf: Shelf): void {
    // Read before the job begins: a change that comes while it reads makes another one necessary.
    const generation = this.#generation;
    const done = (): void => {
      shelf.building = undefined;
    };
    shelf.building = this.#options.write(kind).then(
      written => {
        done();
        shelf.built = { ...written, generation };
        this.#dropOutdated(shelf.built.table, kind);
        return shelf.built;
      },
      (error: unknown) => {
        done();
        throw error;
      },
    );
  }

  #writeAhead(): void {
    const kinds = new Set<ListKind>([...ALWAYS_AHEAD, ...this.#shelves.keys()]);
    for (const kind of kinds) {
      this.#current(kind).catch((error: unknown) => {
        if (!this.#closed) this.#options.onFailure(kind, error);
      });
    }
  }
}
