import { type Budget, SEGMENT_BYTES } from '../../src/shared/budget.ts';

/** Memory for one stretch of a packet log. */
export interface SegmentMemory {
  buffer: Buffer;
  /** Descriptor of the memory file behind the buffer; -1 when there is none. */
  fd: number;
  /** Where it is counted in the process's budget. */
  row: number;
}

/** Where packet logs get their memory. */
export interface SegmentStore {
  /** A segment, or undefined when the process's budget is used up. */
  take(): SegmentMemory | undefined;
  /** Gives a segment back; nobody may touch it any more. */
  give(segment: SegmentMemory): void;
  /** Gives a segment back for another one, which there always is: its place in the budget is not given up meanwhile. */
  renew(segment: SegmentMemory): SegmentMemory;
  /** How many segments one log may hold at present. */
  readonly segmentsPerStream: number;
}

/** Buffers kept for the next segment, because a log gives one back about when it takes one. */
const SPARE_BUFFERS = 4;

/** Segments on the heap of the thread. */
export class HeapSegments implements SegmentStore {
  readonly #budget: Budget;
  readonly #shard: number;
  readonly #spare: Buffer[] = [];

  constructor(budget: Budget, shard: number) {
    this.#budget = budget;
    this.#shard = shard;
  }

  get segmentsPerStream(): number {
    return this.#budget.segmentsPerStream;
  }

  take(): SegmentMemory | undefined {
    const row = this.#budget.claim(this.#shard);
    return row < 0 ? undefined : this.fill(row);
  }

  give({ buffer, row }: SegmentMemory): void {
    this.keep(buffer);
    this.#budget.release(row);
  }

  renew({ buffer, row }: SegmentMemory): SegmentMemory {
    return { buffer, fd: -1, row };
  }

  /** Memory for a row of the budget that was claimed already. */
  fill(row: number): SegmentMemory {
    return { buffer: this.#spare.pop() ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES), fd: -1, row };
  }

  /** Keeps the buffer of a segment for the next one. */
  keep(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
  }
}
