/**
 * What the whole process may hold, in memory that all its threads share: how many streams are open, and which segments
 * of packet logs there are. A row for each segment, so that what a dead shard held can be given back by the front.
 */

import { PACKET_BYTES } from './mpegts.ts';

/** Size of a segment: a whole number of packets, and just short of 1 MiB, so that it fills its pages of memory. */
export const SEGMENT_BYTES = Math.floor((1 << 20) / PACKET_BYTES) * PACKET_BYTES;
/** Segments that every stream can count on; a stream that could not have them is refused. */
export const MIN_SEGMENTS_PER_STREAM = 4;
/** Part of the segments that is kept free: at least what the next stream can count on, so that it has that at once. */
const RESERVE_PART = 1 / 8;

const STREAMS = 0;
const SEGMENTS = 1;
const HEADER_CELLS = 2;
const FREE = 0;
const NO_FD = -1;

/** How much there is to share out. */
export interface BudgetLimits {
  shards: number;
  /** Most streams open at once. */
  streams: number;
  /** Most segments of packet logs at once. */
  segments: number;
}

/** The budget, seen from any thread. */
export class Budget {
  readonly limits: BudgetLimits;
  readonly buffer: SharedArrayBuffer;
  /** Header, then streams by shard, then owner and descriptor of each segment. */
  readonly #cells: Int32Array;
  readonly #addresses: Float64Array;
  readonly #ownersAt: number;
  readonly #fdsAt: number;
  #hint = 0;

  /** @param buffer the memory of a budget that another thread made; left out to make one */
  constructor(limits: BudgetLimits, buffer?: SharedArrayBuffer) {
    this.limits = limits;
    this.#ownersAt = HEADER_CELLS + limits.shards;
    this.#fdsAt = this.#ownersAt + limits.segments;
    const cells = this.#fdsAt + limits.segments;
    const addressesAt = Math.ceil(cells / 2) * 8;
    this.buffer = buffer ?? new SharedArrayBuffer(addressesAt + limits.segments * Float64Array.BYTES_PER_ELEMENT);
    this.#cells = new Int32Array(this.buffer, 0, cells);
    this.#addresses = new Float64Array(this.buffer, addressesAt);
  }

  /** Streams that are open. */
  get streams(): number {
    return Atomics.load(this.#cells, STREAMS);
  }

  /** Segments that are in use. */
  get segments(): number {
    return Atomics.load(this.#cells, SEGMENTS);
  }

  /**
   * Counts a stream in.
   * @returns what there is too little of, or undefined when the stream may open
   */
  openStream(shard: number): 'streams' | 'memory' | undefined {
    const open = Atomics.add(this.#cells, STREAMS, 1);
    const lacking =
      open >= this.limits.streams
        ? 'streams'
        : (open + 1) * MIN_SEGMENTS_PER_STREAM > this.limits.segments
          ? 'memory'
          : undefined;
    if (lacking === undefined) Atomics.add(this.#cells, HEADER_CELLS + shard, 1);
    else Atomics.sub(this.#cells, STREAMS, 1);
    return lacking;
  }

  /** Counts a stream in that takes the place of one that is about to end. */
  replaceStream(shard: number): void {
    Atomics.add(this.#cells, STREAMS, 1);
    Atomics.add(this.#cells, HEADER_CELLS + shard, 1);
  }

  /** Counts a stream out. */
  closeStream(shard: number): void {
    Atomics.sub(this.#cells, HEADER_CELLS + shard, 1);
    Atomics.sub(this.#cells, STREAMS, 1);
  }

  /** How many segments one stream may hold now: as many as it likes, or its fair part once the reserve is touched. */
  get segmentsPerStream(): number {
    const { segments } = this.limits;
    const reserve = Math.max(MIN_SEGMENTS_PER_STREAM, segments * RESERVE_PART);
    if (segments - this.segments > reserve) return segments;
    return Math.max(MIN_SEGMENTS_PER_STREAM, Math.floor((segments - reserve) / Math.max(1, this.streams)));
  }

  /** Takes a segment's row. @returns -1 when all are taken */
  claim(shard: number): number {
    const { segments } = this.limits;
    for (let tried = 0; tried < segments; tried++) {
      const row = this.#hint;
      this.#hint = (row + 1) % segments;
      if (Atomics.compareExchange(this.#cells, this.#ownersAt + row, FREE, shard + 1) !== FREE) continue;
      this.#cells[this.#fdsAt + row] = NO_FD;
      Atomics.add(this.#cells, SEGMENTS, 1);
      return row;
    }
    return -1;
  }

  /** Notes the memory file behind a row. */
  setFile(row: number, fd: number, address: number): void {
    this.#addresses[row] = address;
    Atomics.store(this.#cells, this.#fdsAt + row, fd);
  }

  /** Gives a row back; what is behind it must be released before. */
  release(row: number): void {
    Atomics.sub(this.#cells, SEGMENTS, 1); // First: the next owner counts it, and there are never more than rows.
    Atomics.store(this.#cells, this.#ownersAt + row, FREE);
  }

  /** Counts out what a dead shard held. @param onFile told about every memory file, to release it */
  reclaim(shard: number, onFile: (file: { fd: number; address: number }) => void): void {
    for (let row = 0; row < this.limits.segments; row++) {
      if (Atomics.load(this.#cells, this.#ownersAt + row) !== shard + 1) continue;
      const fd = Atomics.load(this.#cells, this.#fdsAt + row);
      if (fd !== NO_FD) onFile({ fd, address: this.#addresses[row]! });
      this.release(row);
    }
    const streams = Atomics.exchange(this.#cells, HEADER_CELLS + shard, 0);
    Atomics.sub(this.#cells, STREAMS, streams);
  }
}
