/**
 * Counters in shared memory, so that they survive the shard that wrote them: its successor learns where on the
 * 188-byte grid each viewer stands, and the front reads byte counts without asking. Doubles, because a viewer's bytes
 * outgrow 32 bits and BigInts would cost an allocation per write. One thread writes a field at a time.
 */

const READER_FIELDS = 4;
const BYTES = 0;
const HEAD_BYTES = 1;
const SKIPS = 2;
const LAG_BYTES = 3;

/** One row per viewer of the whole process. */
export class ReaderTable {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Float64Array;

  /** @param source a row count to allocate, or the buffer of a table that another thread allocated */
  constructor(source: number | SharedArrayBuffer) {
    this.buffer =
      typeof source === 'number'
        ? new SharedArrayBuffer(source * READER_FIELDS * Float64Array.BYTES_PER_ELEMENT)
        : source;
    this.#cells = new Float64Array(this.buffer);
  }

  /** How many viewers fit. */
  get capacity(): number {
    return this.#cells.length / READER_FIELDS;
  }

  /** Zeroes a row before a new viewer gets it. */
  clear(slot: number): void {
    this.#cells.fill(0, slot * READER_FIELDS, (slot + 1) * READER_FIELDS);
  }

  /** Bytes the viewer's socket accepted, response head included. */
  bytes(slot: number): number {
    return this.#cells[slot * READER_FIELDS + BYTES]!;
  }

  /** Adds bytes that the socket accepted. */
  addBytes(slot: number, count: number): void {
    this.#cells[slot * READER_FIELDS + BYTES]! += count;
  }

  /** Overwrites the accepted bytes with the front's own count (relay: the front writes, so only it knows). */
  setBytes(slot: number, count: number): void {
    this.#cells[slot * READER_FIELDS + BYTES] = count;
  }

  /** Length of the response head that precedes the body; 0 until one was written. */
  headBytes(slot: number): number {
    return this.#cells[slot * READER_FIELDS + HEAD_BYTES]!;
  }

  /** Notes the length of the response head. */
  setHeadBytes(slot: number, count: number): void {
    this.#cells[slot * READER_FIELDS + HEAD_BYTES] = count;
  }

  /** How often this viewer was moved ahead because its place in the packet log was gone. */
  skips(slot: number): number {
    return this.#cells[slot * READER_FIELDS + SKIPS]!;
  }

  /** Counts one skip. */
  addSkip(slot: number): void {
    this.#cells[slot * READER_FIELDS + SKIPS]! += 1;
  }

  /** Bytes between this viewer and live, as of its last flush. */
  lagBytes(slot: number): number {
    return this.#cells[slot * READER_FIELDS + LAG_BYTES]!;
  }

  /** Notes the distance to live. */
  setLagBytes(slot: number, count: number): void {
    this.#cells[slot * READER_FIELDS + LAG_BYTES] = count;
  }
}

/** What a shard counts over its whole life, by name; the order is the layout in shared memory. */
export const SHARD_COUNTERS = [
  'bytesIn',
  'bytesOut',
  'bytesDiscarded',
  'bytesWithoutMemory',
  'joins',
  'skips',
  'skippedBytes',
  'flushes',
  'flushMs',
  'resyncs',
] as const;

/** A counter of {@link ShardCounters}. */
export type ShardCounter = (typeof SHARD_COUNTERS)[number];

const INDEX = Object.fromEntries(SHARD_COUNTERS.map((name, i) => [name, i])) as Record<ShardCounter, number>;

/** One shard's totals; they go on counting when a shard is respawned. */
export class ShardCounters {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Float64Array;

  /** @param buffer the buffer of counters that another thread allocated; left out to allocate */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(SHARD_COUNTERS.length * Float64Array.BYTES_PER_ELEMENT);
    this.#cells = new Float64Array(this.buffer);
  }

  /** Adds to a counter. */
  add(counter: ShardCounter, amount: number): void {
    this.#cells[INDEX[counter]]! += amount;
  }

  /** Reads a counter. */
  get(counter: ShardCounter): number {
    return this.#cells[INDEX[counter]]!;
  }
}
