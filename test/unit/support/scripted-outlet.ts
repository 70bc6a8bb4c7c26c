import type { Outlet } from '../../../workers/shard/outlet.ts';
import type { SegmentMemory } from '../../../workers/shard/segments.ts';

/** A viewer's socket that does what the test says. */
export class ScriptedOutlet implements Outlet {
  readonly #parts: Buffer[] = [];
  /** Bytes it takes before it is full. */
  room: number;
  gone = false;
  ended = 0;
  /** What each write was offered. */
  readonly offers: number[] = [];

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

  write(buffer: Buffer, from: number, length: number): number {
    if (this.ended > 0) throw new Error('written to after its end');
    this.offers.push(length);
    if (this.gone) return -1;
    const count = Math.min(length, this.room);
    this.room -= count;
    this.#parts.push(Buffer.from(buffer.subarray(from, from + count)));
    return count;
  }

  forward({ buffer }: SegmentMemory, from: number, length: number): number {
    return this.write(buffer, from, length);
  }

  end(): void {
    this.ended++;
  }

  /** Everything that was taken. */
  get received(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** What followed the response head. */
  get body(): Buffer {
    const { received } = this;
    const end = received.indexOf('\r\n\r\n');
    return end < 0 ? Buffer.alloc(0) : received.subarray(end + 4);
  }

  /** The response head, or everything when there is no body. */
  get head(): string {
    return this.received.toString('latin1').split('\r\n\r\n', 1)[0]!;
  }
}
