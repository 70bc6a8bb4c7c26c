import { createMemoryFile, descriptorLimit, freeMemoryFile, type MemoryFile } from '../../src/native/libc.ts';
import { type Budget, SEGMENT_BYTES } from '../../src/shared/budget.ts';
import { HeapSegments, type SegmentMemory, type SegmentStore } from './segments.ts';

/** Part of the process's descriptors that memory files leave to viewers, engines and everything else. */
const DESCRIPTORS_LEFT = 1 / 2;

/**
 * Segments in memory files, which sockets can refer to instead of copying. Such a segment is used once: pages that a
 * slow socket still refers to must keep their bytes, and the kernel frees each with its last reference.
 */
export class FileSegments implements SegmentStore {
  readonly #budget: Budget;
  readonly #shard: number;
  readonly #heap: HeapSegments;
  readonly #files = new Map<number, MemoryFile>();
  /** A new descriptor has the lowest number that is free, so from here on too many are open. */
  readonly #highestFd = descriptorLimit() * (1 - DESCRIPTORS_LEFT);

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
    return row < 0 ? undefined : this.#fill(row);
  }

  give(segment: SegmentMemory): void {
    this.#letGo(segment);
    this.#budget.release(segment.row);
  }

  renew(segment: SegmentMemory): SegmentMemory {
    this.#letGo(segment);
    return this.#fill(segment.row);
  }

  #fill(row: number): SegmentMemory {
    const file = this.#createFile();
    // The heap does as well, only not as cheaply.
    if (file === undefined) return this.#heap.fill(row);
    this.#budget.setFile(row, file.fd, file.address);
    this.#files.set(row, file);
    return { buffer: file.buffer, fd: file.fd, row };
  }

  /** A memory file, or undefined when descriptors or mappings have run out. */
  #createFile(): MemoryFile | undefined {
    try {
      const file = createMemoryFile(SEGMENT_BYTES);
      if (file.fd <= this.#highestFd) return file;
      freeMemoryFile(file, SEGMENT_BYTES);
    } catch {
      // Whatever there is too little of, the caller knows what to do.
    }
    return undefined;
  }

  #letGo({ row, buffer }: SegmentMemory): void {
    const file = this.#files.get(row);
    if (file === undefined) {
      this.#heap.keep(buffer);
      return;
    }
    this.#files.delete(row);
    this.#budget.setFile(row, -1, 0); // First: the front would close it once more if this thread died now.
    freeMemoryFile(file, SEGMENT_BYTES);
  }
}
