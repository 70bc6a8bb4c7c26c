import { createMemoryFile, freeMemoryFile, type MemoryFile } from '../../src/native/libc.ts';
import { type Budget, SEGMENT_BYTES } from '../../src/shared/budget.ts';
import { HeapSegments, type SegmentMemory, type SegmentStore } from './segments.ts';

/**
 * Segments in memory files, which sockets can refer to instead of copying. Such a segment is used once: pages that a
 * slow socket still refers to must keep their bytes, and the kernel frees each with its last reference.
 */
export class FileSegments implements SegmentStore {
  readonly #budget: Budget;
  readonly #shard: number;
  readonly #heap: HeapSegments;
  readonly #files = new Map<number, MemoryFile>();

  constructor(budget: Budget, shard: number) {
    this.#budget = budget;
    this.#shard = shard;
    this.#heap = new HeapSegments(budget, shard);
  }

  get segmentsPerStream(): number {
    return this.#budget.segmentsPerStream;
  }

  take(): SegmentMemory | undefined {
    const row = this.#budget.claim(this.#shard);
    if (row < 0) return undefined;
    let file: MemoryFile;
    try {
      file = createMemoryFile(SEGMENT_BYTES);
    } catch {
      // Descriptors or mappings have run out; the heap does as well, only not as cheaply.
      this.#budget.release(row);
      return this.#heap.take();
    }
    this.#budget.setFile(row, file.fd, file.address);
    this.#files.set(row, file);
    return { buffer: file.buffer, fd: file.fd, row };
  }

  give(segment: SegmentMemory): void {
    const file = this.#files.get(segment.row);
    if (file === undefined) {
      this.#heap.give(segment);
      return;
    }
    this.#files.delete(segment.row);
    this.#budget.setFile(segment.row, -1, 0); // First: the front would close it once more if this thread died now.
    freeMemoryFile(file, SEGMENT_BYTES);
    this.#budget.release(segment.row);
  }
}
