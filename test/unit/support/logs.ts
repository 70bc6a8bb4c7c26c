import { Budget } from '../../../src/shared/budget.ts';
import { PacketLog } from '../../../workers/shard/packet-log.ts';
import { HeapSegments, type SegmentMemory, type SegmentStore } from '../../../workers/shard/segments.ts';

/** Memory for logs: as many segments as the test says, for any number of streams. */
export function segmentsOf(segments = 200): SegmentStore {
  return new HeapSegments(new Budget({ shards: 1, streams: 1_000, segments }), 0);
}

/** A log on the heap; no reader needs anything below `neededFrom`. */
export function newLog(
  maxBytes: number,
  maxAgeMs = 1e12,
  store: SegmentStore = segmentsOf(),
  neededFrom: () => number = () => Number.POSITIVE_INFINITY,
): PacketLog {
  return new PacketLog({ maxBytes, maxAgeMs }, store, neededFrom);
}

/** Memory that knows how much of it is in use. */
export class CountedSegments implements SegmentStore {
  readonly #store: SegmentStore;
  held = 0;

  constructor(store: SegmentStore = segmentsOf()) {
    this.#store = store;
  }

  get segmentsPerStream(): number {
    return this.#store.segmentsPerStream;
  }

  renew(segment: SegmentMemory): SegmentMemory {
    return this.#store.renew(segment);
  }

  take(): SegmentMemory | undefined {
    const segment = this.#store.take();
    if (segment !== undefined) this.held++;
    return segment;
  }

  give(segment: SegmentMemory): void {
    this.held--;
    this.#store.give(segment);
  }
}
