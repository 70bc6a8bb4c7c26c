import { PACKET_BYTES } from '../../src/shared/mpegts.ts';

/** A place in the log where a reader can begin. */
export interface EntryPoint {
  /** Offset of the first packet, a random-access packet if there is one. */
  offset: number;
  /** PAT and PMT as they were there; to be sent before it. */
  tables: Buffer;
}

/** A stretch of the log; readers write to their sockets straight from its buffer. */
export interface Segment {
  /** Offset of the buffer's first byte. */
  base: number;
  buffer: Buffer;
  /** How much of the buffer holds data. */
  filled: number;
  /** When its first and its last bytes came, in ms of the monotonic clock. */
  firstMs: number;
  lastMs: number;
}

/** About 1 MiB, a whole number of packets. */
const SEGMENT_BYTES = 5578 * PACKET_BYTES;

/**
 * The recent past of one stream, shared by all its readers: bytes at absolute offsets, written once and never moved.
 * For MPEG-TS every offset that is a multiple of 188 is the start of a packet. Bounded by age and by bytes.
 */
export class PacketLog {
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #segments: Segment[] = [];
  readonly #points: EntryPoint[] = [];
  #end = 0;

  /**
   * @param maxBytes most bytes kept, rounded up to whole segments
   * @param maxAgeMs how long bytes are kept; the newest random-access point stays until a newer one comes
   */
  constructor(maxBytes: number, maxAgeMs: number) {
    this.#maxBytes = maxBytes;
    this.#maxAgeMs = maxAgeMs;
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

  /** Copies a run of bytes to the end of the log. */
  append(run: Buffer, nowMs: number): void {
    let from = 0;
    while (from < run.length) {
      let segment = this.#segments.at(-1);
      if (segment === undefined || segment.filled === SEGMENT_BYTES) segment = this.#addSegment(nowMs);
      const count = Math.min(run.length - from, SEGMENT_BYTES - segment.filled);
      run.copy(segment.buffer, segment.filled, from, from + count);
      segment.filled += count;
      segment.lastMs = nowMs;
      from += count;
      this.#end += count;
    }
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

  #addSegment(nowMs: number): Segment {
    const recycled = this.#trim(nowMs);
    const segment = {
      base: this.#end,
      buffer: recycled ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES),
      filled: 0,
      firstMs: nowMs,
      lastMs: nowMs,
    };
    this.#segments.push(segment);
    return segment;
  }

  /** Drops what is too old or too much; returns a dropped buffer, which nobody reads any more, for use again. */
  #trim(nowMs: number): Buffer | undefined {
    let recycled: Buffer | undefined;
    const keepFrom = this.#points.at(-1)?.offset ?? Number.POSITIVE_INFINITY;
    while (this.#segments.length > 0) {
      const oldest = this.#segments[0]!;
      const full = this.#segments.length * SEGMENT_BYTES >= this.#maxBytes;
      const old = nowMs - oldest.lastMs > this.#maxAgeMs && oldest.base + oldest.filled <= keepFrom;
      if (!full && !old) break;
      this.#segments.shift();
      recycled = oldest.buffer;
    }
    const { start } = this;
    let gone = 0;
    while (gone < this.#points.length && this.#points[gone]!.offset < start) gone++;
    if (gone > 0) this.#points.splice(0, gone);
    return recycled;
  }
}
