import type { Socket } from 'node:net';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import { BodyWriter, bodyShape } from './body-writer.ts';
import type { Content } from './content.ts';
import { applyDamage } from './damage.ts';
import type { Trigger } from './faults.ts';
import type { Paced } from './pacer.ts';
import type { Session } from './session.ts';
import { takeBytes } from './slab.ts';

/** Most packets in one write: about 64 KB, so that a burst goes out in pieces the socket can refuse. */
const MAX_BATCH_PACKETS = 348;

/** Bytes of a packet that still go out before a `cut`. */
const CUT_BYTES = 94;

/** From the last bytes before a `cut` to the reset. */
const RESET_DELAY_MS = 20;

/** What a reader tells its owner; at most once each. */
export interface ReaderEvents {
  /** A fault ended the session along with the body. */
  sessionDied(reason: 'superseded' | 'broken' | 'vanished'): void;
}

/**
 * One playback body. It is held without a status line until data flows, then sends the burst at line speed and keeps
 * up with the live position. While the socket is full it waits, holding nothing, and goes on from where it was.
 */
export class Reader implements Paced {
  bytesSent = 0;
  readonly #socket: Socket;
  readonly #session: Session;
  readonly #content: Content;
  readonly #events: ReaderEvents;
  #writer: BodyWriter | undefined;
  #position = 0;
  #openedAtMs = 0;
  #ended = false;

  constructor(socket: Socket, session: Session, events: ReaderEvents) {
    this.#socket = socket;
    this.#session = session;
    this.#content = session.content;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('drain', () => this.pump(performance.now()));
  }

  /** Ends the body cleanly; before its head, the connection just closes. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#writer && !this.#socket.destroyed) this.#writer.end();
    else this.#socket.destroy();
  }

  /** Nothing more is sent: the body has ended, or its session vanished. */
  get #over(): boolean {
    return this.#ended || this.#session.ended !== undefined;
  }

  pump(nowMs: number): void {
    if (this.#over || this.#session.phase(nowMs) !== 'dl') return;
    this.#writer ??= this.#open(nowMs);
    const live = this.#content.livePosition(nowMs);
    while (!this.#over && !this.#socket.writableNeedDrain && !this.#faulty(nowMs)) {
      const count = Math.min(live - this.#position, MAX_BATCH_PACKETS, this.#packetsToFault());
      if (count <= 0) return;
      this.#send(this.#writer, count);
    }
  }

  #open(nowMs: number): BodyWriter {
    const { faults } = this.#content;
    const writer = new BodyWriter(
      this.#socket,
      bodyShape(faults.take('chunked') !== undefined, faults.take('oddChunks')),
    );
    writer.head();
    this.#openedAtMs = nowMs;
    this.#position = this.#content.livePosition(nowMs) - this.#content.burstPackets;
    return writer;
  }

  #send(writer: BodyWriter, count: number): void {
    const damage = this.#content.faults.active('damage');
    const packets = takeBytes(count * PACKET_BYTES);
    this.#content.source.fill(packets, this.#position, count, (damage?.pcrJumpSeconds ?? 0) * 90_000);
    const sent = writer.write(damage ? applyDamage(packets, this.#position, damage) : packets);
    this.#position += count;
    this.bytesSent += sent;
    this.#session.bytesSent += sent;
  }

  /** Applies what is due of the faults of a running body; true when nothing may be sent now. */
  #faulty(nowMs: number): boolean {
    const { faults } = this.#content;
    const due = (trigger: Trigger | undefined): boolean => trigger !== undefined && this.#reached(trigger, nowMs);
    if (due(faults.peek('superseded'))) {
      faults.take('superseded');
      this.#events.sessionDied('superseded');
    } else if (due(faults.peek('vanish'))) {
      faults.take('vanish');
      this.#events.sessionDied('vanished');
    } else if (due(faults.peek('eof'))) {
      const dies = faults.take('eof')?.session === 'dies';
      this.end();
      if (dies) this.#events.sessionDied('broken');
    } else if (due(faults.peek('cut'))) {
      const dies = faults.take('cut')?.session === 'dies';
      this.#cut();
      if (dies) this.#events.sessionDied('broken');
    } else if (due(faults.peek('stall'))) {
      return faults.active('stall') !== undefined;
    }
    return this.#over;
  }

  #cut(): void {
    this.#ended = true;
    const packet = takeBytes(PACKET_BYTES);
    this.#content.source.fill(packet, this.#position, 1, 0);
    // Bytes and reset that arrive together look like a clean end to Node (libuv), so the reset comes a moment later.
    this.#socket.write(packet.subarray(0, CUT_BYTES), () => {
      setTimeout(() => this.#socket.resetAndDestroy(), RESET_DELAY_MS).unref();
    });
  }

  #reached(trigger: Trigger, nowMs: number): boolean {
    if (trigger.afterBytes !== undefined && this.bytesSent < trigger.afterBytes) return false;
    return trigger.afterMs === undefined || nowMs - this.#openedAtMs >= trigger.afterMs;
  }

  /** Packets that may go out before a fault that counts bytes has to be looked at. */
  #packetsToFault(): number {
    const { faults } = this.#content;
    let packets = Number.POSITIVE_INFINITY;
    for (const name of ['superseded', 'vanish', 'eof', 'cut', 'stall'] as const) {
      const { afterBytes = 0 } = faults.peek(name) ?? {};
      if (afterBytes > this.bytesSent)
        packets = Math.min(packets, Math.ceil((afterBytes - this.bytesSent) / PACKET_BYTES));
    }
    return packets;
  }
}
