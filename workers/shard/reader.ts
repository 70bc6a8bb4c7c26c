import { SEGMENT_BYTES } from '../../src/shared/budget.ts';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import type { ReaderTable } from '../../src/shared/reader-table.ts';
import { StateMachine, type Transitions } from '../../src/shared/state-machine.ts';
import type { Outlet } from './outlet.ts';
import type { PacketLog } from './packet-log.ts';

/** States of a reader: waiting for its stream's first byte, reading, or gone for one reason. */
export type ReaderState = 'waiting' | 'reading' | 'detached';

/** The rules of {@link ReaderState}; drawn in docs/lifecycle.md. */
export const READER_TRANSITIONS: Transitions<ReaderState, 'join' | 'detach'> = {
  waiting: { join: 'reading', detach: 'detached' },
  reading: { detach: 'detached' },
  detached: {},
};

/** Most bytes one reader may take in one pass, so that a joiner's burst doesn't hold the others up. */
const MAX_PUMP_BYTES = SEGMENT_BYTES;

/** What a pass brought for one reader. */
export type PumpResult = 'live' | 'more' | 'blocked' | 'lost-place' | 'gone';

/**
 * A viewer's attachment to a stream: a cursor into the packet log and an outlet. It owns no buffer but the few bytes
 * that belong before the cursor: response head, tables, the rest of a packet that was cut by a full socket.
 */
export class Reader {
  readonly id: number;
  readonly slot: number;
  readonly attachedMs: number;
  readonly machine: StateMachine<ReaderState, 'join' | 'detach'>;
  readonly #table: ReaderTable;
  #outlet: Outlet | undefined;
  /** Bytes to send before the log's, if any. */
  #pending: Buffer | undefined;
  #pendingAt = 0;
  /** Where in the log to go on; always the start of a packet. */
  #cursor = 0;
  #blocked = false;
  /** Since when the viewer has taken nothing although there was something; 0 while it takes bytes. */
  #stuckSinceMs = 0;
  #written = 0;

  constructor(id: number, slot: number, table: ReaderTable, nowMs: number) {
    this.id = id;
    this.slot = slot;
    this.attachedMs = nowMs;
    this.machine = new StateMachine(`reader ${id}`, READER_TRANSITIONS, 'waiting');
    this.#table = table;
  }

  /** Connects the reader to its viewer, once. */
  open(outlet: Outlet): void {
    this.#outlet = outlet;
  }

  /** Whether bytes can be offered. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Whether bytes were sent to this viewer before, by this shard or one that died. */
  get hasSent(): boolean {
    return this.#table.bytes(this.slot) > 0;
  }

  /** For how long the viewer has taken nothing although there was something. */
  stuckMs(nowMs: number): number {
    return this.#stuckSinceMs === 0 ? 0 : nowMs - this.#stuckSinceMs;
  }

  /** Where in the log it goes on. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Bytes written since the last call. */
  takeWritten(): number {
    const written = this.#written;
    this.#written = 0;
    return written;
  }

  /** The viewer takes bytes again. */
  unblock(): void {
    this.#blocked = false;
  }

  /**
   * Where a predecessor of this shard stopped: what is missing of the response head, and a filler for the packet that
   * was cut, so that the next byte starts a packet on the viewer's side. The filled packet is damaged; the gap is not
   * avoidable.
   */
  resumption(head: Buffer, onPacketGrid: boolean): Buffer {
    const sent = this.#table.bytes(this.slot);
    const headBytes = this.#table.headBytes(this.slot);
    if (sent < headBytes) return head.subarray(sent);
    const cut = (sent - headBytes) % PACKET_BYTES;
    return Buffer.alloc(cut === 0 || !onPacketGrid ? 0 : PACKET_BYTES - cut, 0xff);
  }

  /** Begins to read at `cursor`, after `before`. @param headBytes length of the response head in `before`, if new */
  join(before: Buffer, headBytes: number, cursor: number): void {
    this.machine.send('join');
    if (headBytes > 0) this.#table.setHeadBytes(this.slot, headBytes);
    this.#setPending(before);
    this.#cursor = cursor;
  }

  /** Goes on at `cursor`, after what is pending and `bridge`. @returns how many bytes of the log were left out */
  skipTo(cursor: number, bridge: Buffer): number {
    const skipped = cursor - this.#cursor;
    const rest = this.#pending?.subarray(this.#pendingAt);
    this.#setPending(rest === undefined ? bridge : Buffer.concat([rest, bridge]));
    this.#cursor = cursor;
    this.#table.addSkip(this.slot);
    return skipped;
  }

  /**
   * Writes what the viewer takes. The hot path: no allocation unless a socket fills up in the middle of a packet.
   * @param grid packet length that cuts are kept on, 1 for bodies without packets
   */
  pump(log: PacketLog, grid: number, nowMs: number): PumpResult {
    if (this.#blocked) return 'blocked';
    let budget = MAX_PUMP_BYTES;
    while (this.#pending !== undefined) {
      const wanted = this.#pending.length - this.#pendingAt;
      const taken = this.#write(this.#pending, this.#pendingAt, wanted);
      if (taken < 0) return 'gone';
      this.#pendingAt += taken;
      if (taken < wanted) return this.#block(log, nowMs);
      this.#pending = undefined;
    }
    if (this.#cursor < log.start) return 'lost-place';
    while (this.#cursor < log.end) {
      if (budget <= 0) {
        this.#table.setLagBytes(this.slot, log.end - this.#cursor);
        return 'more';
      }
      const segment = log.segmentAt(this.#cursor);
      const from = this.#cursor - segment.base;
      const wanted = segment.filled - from;
      const taken = this.#count(this.#outlet!.forward(segment, from, wanted));
      if (taken < 0) return 'gone';
      this.#cursor += taken;
      budget -= taken;
      if (taken < wanted) {
        const cut = this.#cursor % grid;
        if (cut > 0) {
          // The rest of the packet is kept here, because the log may be gone when the viewer reads on.
          const at = from + taken;
          this.#setPending(Buffer.from(segment.buffer.subarray(at, at + grid - cut)));
          this.#cursor += grid - cut;
        }
        return this.#block(log, nowMs);
      }
    }
    this.#table.setLagBytes(this.slot, 0);
    return 'live';
  }

  /** Answers a viewer that got nothing yet with a whole response, or ends what was begun. */
  finish(response: Buffer | undefined): void {
    this.machine.send('detach');
    if (response !== undefined && !this.hasSent) this.#write(response, 0, response.length);
    this.#outlet?.end();
    this.#outlet = undefined;
    this.#pending = undefined;
  }

  #block(log: PacketLog, nowMs: number): PumpResult {
    this.#blocked = true;
    if (this.#stuckSinceMs === 0) this.#stuckSinceMs = nowMs;
    this.#table.setLagBytes(this.slot, log.end - this.#cursor);
    return 'blocked';
  }

  #setPending(bytes: Buffer): void {
    this.#pending = bytes.length > 0 ? bytes : undefined;
    this.#pendingAt = 0;
  }

  #write(buffer: Buffer, from: number, length: number): number {
    return this.#count(this.#outlet!.write(buffer, from, length));
  }

  #count(taken: number): number {
    if (taken > 0) {
      this.#table.addBytes(this.slot, taken);
      this.#written += taken;
      this.#stuckSinceMs = 0;
    }
    return taken;
  }
}
