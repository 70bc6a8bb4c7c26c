import { PACKET_BYTES, SYNC_BYTE } from '../../src/shared/mpegts.ts';

/** How the bytes of a source are to be treated. */
export type PacketFormat = 'unknown' | 'mpegts' | 'bytes';

/** Packets in a row that must start with the sync byte before we believe the grid. */
const CONFIRM_PACKETS = 3;
/** Bytes without a grid after which a body isn't MPEG-TS. */
const GIVE_UP_BYTES = 16_384;

/**
 * Cuts what a source delivers, in pieces of any size, into runs of whole packets. It finds the grid at the start and
 * again after damage; a body without a grid is passed on as plain bytes.
 */
export class PacketAligner {
  readonly #emit: (run: Buffer) => void;
  readonly #onDiscard: (bytes: number) => void;
  readonly #onLost: () => void;
  #format: PacketFormat = 'unknown';
  #synced = false;
  /** Bytes that came too early to be judged, or the start of a packet whose rest hasn't come. */
  #held: Buffer = Buffer.alloc(0);

  /**
   * @param emit gets runs of whole packets (or bytes), in order; a run is only valid during the call
   * @param onDiscard told how many bytes were dropped while looking for the grid
   * @param onLost told when the grid was lost after it had been found
   */
  constructor(emit: (run: Buffer) => void, onDiscard: (bytes: number) => void, onLost: () => void) {
    this.#emit = emit;
    this.#onDiscard = onDiscard;
    this.#onLost = onLost;
  }

  /** What the source turned out to be. */
  get format(): PacketFormat {
    return this.#format;
  }

  /** The source ended: a body too short to be judged is passed on as it is, a cut packet is dropped. */
  finish(): void {
    const held = this.#held;
    if (held.length === 0) return;
    if (this.#format === 'mpegts') {
      this.discard();
    } else {
      this.#held = Buffer.alloc(0);
      this.#format = 'bytes';
      this.#emit(held);
    }
  }

  /** The source ended, and what is still held is of no use. */
  discard(): void {
    if (this.#held.length > 0) this.#onDiscard(this.#held.length);
    this.#held = Buffer.alloc(0);
  }

  /** Takes the next bytes of the source. */
  push(chunk: Buffer): void {
    if (this.#format === 'bytes') {
      this.#emit(chunk);
      return;
    }
    if (this.#synced) this.#pushSynced(chunk);
    else this.#pushUnsynced(chunk);
  }

  #pushSynced(chunk: Buffer): void {
    let from = 0;
    if (this.#held.length > 0) {
      const missing = PACKET_BYTES - this.#held.length;
      if (chunk.length < missing) {
        this.#held = Buffer.concat([this.#held, chunk]);
        return;
      }
      this.#emit(Buffer.concat([this.#held, chunk.subarray(0, missing)]));
      this.#held = Buffer.alloc(0);
      from = missing;
    }
    let to = from;
    while (to < chunk.length && chunk[to] === SYNC_BYTE && to + PACKET_BYTES <= chunk.length) to += PACKET_BYTES;
    if (to > from) this.#emit(chunk.subarray(from, to));
    if (to === chunk.length) return;
    if (chunk[to] === SYNC_BYTE) {
      this.#held = Buffer.from(chunk.subarray(to));
      return;
    }
    this.#synced = false;
    this.#onLost();
    this.#pushUnsynced(chunk.subarray(to));
  }

  #pushUnsynced(chunk: Buffer): void {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : Buffer.from(chunk);
    this.#held = Buffer.alloc(0);
    const at = findGrid(bytes);
    if (at !== undefined) {
      if (at > 0) this.#onDiscard(at);
      this.#format = 'mpegts';
      this.#synced = true;
      this.#pushSynced(bytes.subarray(at));
    } else if (this.#format === 'unknown' && bytes.length >= GIVE_UP_BYTES) {
      this.#format = 'bytes';
      this.#emit(bytes);
    } else if (this.#format === 'unknown') {
      this.#held = bytes;
    } else {
      // Known to be MPEG-TS: keep only what could still turn out to be the beginning of the grid.
      const keep = Math.min(bytes.length, CONFIRM_PACKETS * PACKET_BYTES);
      if (bytes.length > keep) this.#onDiscard(bytes.length - keep);
      this.#held = bytes.subarray(bytes.length - keep);
    }
  }
}

/** Position of the first of {@link CONFIRM_PACKETS} sync bytes at packet distance, or undefined. */
function findGrid(bytes: Buffer): number | undefined {
  const last = bytes.length - (CONFIRM_PACKETS - 1) * PACKET_BYTES;
  for (let at = bytes.indexOf(SYNC_BYTE); at >= 0 && at < last; at = bytes.indexOf(SYNC_BYTE, at + 1)) {
    let confirmed = 1;
    while (confirmed < CONFIRM_PACKETS && bytes[at + confirmed * PACKET_BYTES] === SYNC_BYTE) confirmed++;
    if (confirmed === CONFIRM_PACKETS) return at;
  }
  return undefined;
}
