import { Seam } from '../../../workers/shard/seam.ts';
import type { Relation } from '../../../workers/shard/seam-search.ts';
import { PACKET_BYTES } from './ts.ts';

/** A seam with a clock that is set by hand, and what it let through. */
export class SeamRig {
  nowMs = 1_000;
  readonly seam: Seam;
  readonly #parts: Buffer[] = [];

  constructor() {
    this.seam = new Seam(
      run => this.#parts.push(Buffer.from(run)),
      () => this.nowMs,
    );
  }

  /** Everything that was let through. */
  get output(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** What was let through since the last call. */
  take(): Buffer {
    return Buffer.concat(this.#parts.splice(0));
  }

  /** Pushes bytes in runs of some packets; as in the stream, each run is only valid during the call. */
  push(bytes: Buffer, packetsPerRun: () => number = () => 7): this {
    for (let at = 0; at < bytes.length; ) {
      const to = Math.min(bytes.length, at + packetsPerRun() * PACKET_BYTES);
      const run = Buffer.from(bytes.subarray(at, to));
      this.seam.push(run);
      run.fill(0);
      at = to;
    }
    return this;
  }

  begin(relation: Relation): this {
    this.seam.begin(relation);
    return this;
  }
}
