import { SEGMENT_BYTES } from '../../src/shared/budget.ts';
import type { SegmentMemory, SegmentStore } from './segments.ts';

/** A place in the log where a reader can begin. */
export interface EntryPoint {
  /** Offset of the first packet, a random-access packet if there is one. */
  offset: number;
  /** PAT and PMT as they were there; to be sent before it. */
  tables: Buffer;
}

/** A stretch of the log; readers write to their sockets straight from it. */
export interface Segment extends SegmentMemory {
  /** Offset of the buffer's first byte. */
  base: number;
  /** How much of the buffer holds data. */
  filled: number;
  /** When its first and its last bytes came, in ms of the monotonic clock. */
  firstMs: number;
  lastMs: number;
}

/** How much a log keeps. */
export interface PacketLogLimits {
  /** Most bytes kept, rounded up to whole segments. */
  maxBytes: number;
  /** How long bytes are kept that nobody needs; the newest random-access point stays until a newer one comes. */
  maxAgeMs: number;
}

/**
 * The recent past of one stream, shared by all its readers: bytes at absolute offsets, written once and never moved.
 * For MPEG-TS every offset that is a multiple of 188 is the start of a packet. Bounded by bytes, by the process's
 * budget, and by age; age spares what a reader who keeps up has still to get, such as the burst of a start.
 */
export class PacketLog {
  readonly #limits: PacketLogLimits;
  readonly #store: SegmentStore;
  readonly #neededFrom: (nowMs: number) => number;
  readonly #segments: Segment[] = [];
  readonly #points: EntryPoint[] = [];
  #end = 0;

  /**
   * @param store where memory comes from
   * @param neededFrom the lowest offset that a reader who keeps up has still to get
   */
  constructor(limits: PacketLogLimits, store: SegmentStore, neededFrom: (nowMs: number) => number) {
    this.#limits = limits;
    this.#store = store;
    this.#neededFrom = neededFrom;
  }

  /** Offset of the oldest byte kept. */
  get start(): number {
    return this.#segments[0]?.base ?? this.#end;
  }

  /** Offset behind the newest byte. */
  get end(): number {
    return this.#end;
  }

  /** Bytes of memory the log occupies. */
  get allocatedBytes(): number {
    return this.#segments.length * SEGMENT_BYTES;
  }

  /** Age of the oldest byte kept, in ms. */
  ageMs(nowMs: number): number {
    const oldest = this.#segments[0];
    return oldest === undefined ? 0 : nowMs - oldest.firstMs;
  }

  /** Where a reader should begin, or undefined when the log holds no such place. */
  get newestRandomAccess(): EntryPoint | undefined {
    const newest = this.#points.at(-1);
    return newest !== undefined && newest.offset >= this.start ? newest : undefined;
  }

  /** Notes that decoding can begin at `point.offset`; points come in order. */
  addRandomAccess(point: EntryPoint): void {
    this.#points.push(point);
  }

  /**
   * Copies a run of bytes to the end of the log.
   * @returns how many of them there was memory for
   */
  append(run: Buffer, nowMs: number): number {
    let from = 0;
    while (from < run.length) {
      let segment = this.#segments.at(-1);
      if (segment === undefined || segment.filled === SEGMENT_BYTES) segment = this.#addSegment(nowMs);
      if (segment === undefined) break;
      const count = Math.min(run.length - from, SEGMENT_BYTES - segment.filled);
      run.copy(segment.buffer, segment.filled, from, from + count);
      segment.filled += count;
      segment.lastMs = nowMs;
      from += count;
      this.#end += count;
    }
    return from;
  }

  /** Shrinks to what may be held now; a log that gets no bytes gives memory back this way. */
  shrink(): void {
    while (this.#segments.length > Math.max(1, this.#store.segmentsPerStream)) this.#dropOldest();
    this.#forgetPoints();
  }

  /** Gives all memory back. Nothing can be read from the log any more. */
  close(): void {
    while (this.#segments.length > 0) this.#dropOldest();
  }

  /** The segment that holds `offset`, which lies between {@link start} and {@link end}. */
  segmentAt(offset: number): Segment {
    return this.#segments[Math.floor((offset - this.start) / SEGMENT_BYTES)]!;
  }

  /** Copies `[from, to)`, which the log holds, into one buffer. */
  copy(from: number, to: number): Buffer {
    const parts: Buffer[] = [];
    for (let at = from; at < to; ) {
      const segment = this.segmentAt(at);
      const end = Math.min(to, segment.base + segment.filled);
      parts.push(segment.buffer.subarray(at - segment.base, end - segment.base));
      at = end;
    }
    return Buffer.concat(parts);
  }

  #addSegment(nowMs: number): Segment | undefined {
    const memory = this.#makeRoom(nowMs) ?? this.#store.take() ?? this.#renewOldest();
    this.#forgetPoints();
    if (memory === undefined) return undefined;
    const segment = { ...memory, base: this.#end, filled: 0, firstMs: nowMs, lastMs: nowMs };
    this.#segments.push(segment);
    return segment;
  }

  /**
   * Drops what is too much, or old and needed by nobody, so that one more segment may be held.
   * @returns the last one that had to go, renewed: no other log can have taken its place in the budget meanwhile
   */
  #makeRoom(nowMs: number): SegmentMemory | undefined {
    const surplus = this.#surplus(nowMs);
    for (let left = surplus; left > 1; left--) this.#dropOldest();
    return surplus > 0 ? this.#renewOldest() : undefined;
  }

  /** How many segments have to go, the oldest ones, before one more may be held. */
  #surplus(nowMs: number): number {
    const { maxBytes, maxAgeMs } = this.#limits;
    const most = Math.min(Math.ceil(maxBytes / SEGMENT_BYTES), this.#store.segmentsPerStream);
    let surplus = Math.min(this.#segments.length, Math.max(0, this.#segments.length + 1 - most));
    let keepFrom: number | undefined;
    for (; surplus < this.#segments.length; surplus++) {
      const oldest = this.#segments[surplus]!;
      if (nowMs - oldest.lastMs <= maxAgeMs) break;
      keepFrom ??= Math.min(this.#points.at(-1)?.offset ?? Number.POSITIVE_INFINITY, this.#neededFrom(nowMs));
      if (oldest.base + oldest.filled > keepFrom) break;
    }
    return surplus;
  }

  /** The oldest segment as a fresh one, for a log that has to make do with what it has. */
  #renewOldest(): SegmentMemory | undefined {
    const oldest = this.#segments.shift();
    return oldest === undefined ? undefined : this.#store.renew(oldest);
  }

  #dropOldest(): void {
    this.#store.give(this.#segments.shift()!);
  }

  #forgetPoints(): void {
    const { start } = this;
    let gone = 0;
    while (gone < this.#points.length && this.#points[gone]!.offset < start) gone++;
    if (gone > 0) this.#points.splice(0, gone);
  }
}
