import { hasPayload, PACKET_BYTES, payloadAt, pidOf, startsUnit } from './mpegts.ts';
import { hasPcr, readPcrBase, readTimestamp, TIMESTAMP_MODULO, writePcrBase, writeTimestamp } from './timestamps.ts';

/** A PCR, PTS or DTS somewhere in the loop. */
interface Time {
  /** Offset inside its packet. */
  at: number;
  /** Value in the first round, in 90 kHz ticks. */
  ticks: number;
  pcr: boolean;
}

/** Whether a PES header of audio or video starts at `at`. */
const isPesHeader = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 1 && bytes[at + 3]! >= 0xc0 && bytes[at + 3]! < 0xf0;

function timesOf(bytes: Uint8Array, start: number): Time[] {
  const times: Time[] = [];
  if (hasPcr(bytes, start)) times.push({ at: 6, ticks: readPcrBase(bytes, start + 6), pcr: true });
  const payload = payloadAt(bytes, start) - start;
  if (!startsUnit(bytes, start) || !hasPayload(bytes, start) || !isPesHeader(bytes, start + payload)) return times;
  const stamps = [0, 0, 1, 2][bytes[start + payload + 7]! >> 6]!;
  for (let i = 0; i < stamps; i++) {
    const at = payload + 9 + 5 * i;
    times.push({ at, ticks: readTimestamp(bytes, start + at), pcr: false });
  }
  return times;
}

/**
 * Plays a whole number of packets round and round as one endless stream: in each round the times go on by the loop's
 * duration (through the 33-bit wrap) and every PID's continuity counter goes on where it was. The packets at a position
 * are a function of the position alone, so any number of readers can share one loop.
 */
export class TsLoop {
  /** Pace at which it is meant to be played. */
  readonly packetsPerSecond: number;
  readonly #bytes: Buffer;
  readonly #packets: number;
  readonly #durationTicks: number;
  /** For each packet the number of its PID's counter in `#perRound`. */
  readonly #slots: Uint8Array;
  /** Continuity counter steps in one round, by slot. */
  readonly #perRound: number[] = [];
  readonly #times = new Map<number, Time[]>();

  /**
   * @param packets whole MPEG-TS packets, taken over and renumbered
   * @param durationSeconds how long a round plays; a whole number of 90 kHz ticks
   */
  constructor(packets: Buffer, durationSeconds: number) {
    this.#bytes = packets;
    this.#packets = packets.length / PACKET_BYTES;
    this.#durationTicks = durationSeconds * 90_000;
    this.packetsPerSecond = this.#packets / durationSeconds;
    if (!Number.isInteger(this.#packets) || !Number.isInteger(this.#durationTicks))
      throw new Error('a loop needs whole packets and a whole number of 90 kHz ticks');
    this.#slots = new Uint8Array(this.#packets);
    this.#index();
  }

  /** Packets of one round. */
  get loopPackets(): number {
    return this.#packets;
  }

  /**
   * Writes `count` packets from `position` to the start of `target`.
   * @param shiftTicks added to every PCR, PTS and DTS, in 90 kHz ticks
   */
  fill(target: Buffer, position: number, count: number, shiftTicks: number): void {
    let done = 0;
    while (done < count) {
      const round = Math.floor((position + done) / this.#packets);
      const first = position + done - round * this.#packets;
      const part = Math.min(count - done, this.#packets - first);
      this.#bytes.copy(target, done * PACKET_BYTES, first * PACKET_BYTES, (first + part) * PACKET_BYTES);
      this.#renumber(target, done * PACKET_BYTES, first, part, round, shiftTicks);
      done += part;
    }
  }

  #renumber(target: Buffer, start: number, first: number, count: number, round: number, shiftTicks: number): void {
    const steps = this.#perRound.map(perRound => (round * perRound) % 16);
    const ticks = (round * this.#durationTicks + shiftTicks) % TIMESTAMP_MODULO;
    for (let i = 0, at = start; i < count; i++, at += PACKET_BYTES) {
      const index = first + i;
      const byte = target[at + 3]!;
      target[at + 3] = (byte & 0xf0) | ((byte + steps[this.#slots[index]!]!) & 0x0f);
      if (byte & 0x20 || target[at + 1]! & 0x40) this.#retime(target, at, index, ticks);
    }
  }

  #retime(target: Buffer, at: number, index: number, ticks: number): void {
    for (const time of this.#times.get(index) ?? []) {
      const value = (time.ticks + ticks + TIMESTAMP_MODULO) % TIMESTAMP_MODULO;
      if (time.pcr) writePcrBase(target, at + time.at, value);
      else writeTimestamp(target, at + time.at, value);
    }
  }

  /** Numbers every PID's packets from 0 and notes where the times are. */
  #index(): void {
    const slotOf = new Map<number, number>();
    for (let index = 0; index < this.#packets; index++) {
      const at = index * PACKET_BYTES;
      const pid = pidOf(this.#bytes, at);
      const slot = slotOf.get(pid) ?? slotOf.size;
      slotOf.set(pid, slot);
      this.#slots[index] = slot;
      const counter = this.#perRound[slot] ?? 0;
      const payload = hasPayload(this.#bytes, at);
      // A packet without payload repeats the counter of the one before it.
      const shown = payload ? counter : counter - 1;
      this.#bytes[at + 3] = (this.#bytes[at + 3]! & 0xf0) | (shown & 0x0f);
      this.#perRound[slot] = payload ? counter + 1 : counter;
      const times = timesOf(this.#bytes, at);
      if (times.length > 0) this.#times.set(index, times);
    }
  }
}
