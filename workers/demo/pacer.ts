/**
 * How often readers are given what is due. Engines download in steps of 16 KiB (acestream-engine-api 6.1), which at
 * 8 Mbit/s is one in 16 ms.
 */
const TICK_MS = 16;

/** Something that sends what is due at a moment. */
export interface Paced {
  /** @param nowMs monotonic milliseconds */
  pump(nowMs: number): void;
}

/**
 * One timer for all readers of an engine. A reader works out what is due from the clock, so late ticks lose nothing
 * and no error adds up.
 */
export class Pacer {
  readonly #members = new Set<Paced>();
  #timer: NodeJS.Timeout | undefined;

  add(member: Paced): void {
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  delete(member: Paced): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const member of this.#members) member.pump(nowMs);
  }
}
