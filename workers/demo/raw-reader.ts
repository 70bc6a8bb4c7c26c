import type { Socket } from 'node:net';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import { BodyWriter, bodyShape } from './body-writer.ts';
import type { Paced } from './pacer.ts';
import type { PacketSource } from './packet-source.ts';
import { takeBytes } from './slab.ts';

/** Most packets in one write, about 64 KB. */
const MAX_BATCH_PACKETS = 348;

/** An endless stamped stream from its first packet on, without a session, a burst or a redirect. */
export class RawReader implements Paced {
  readonly #socket: Socket;
  readonly #source: PacketSource;
  readonly #writer: BodyWriter;
  readonly #openedAtMs = performance.now();
  #position = 0;

  constructor(socket: Socket, source: PacketSource) {
    this.#socket = socket;
    this.#source = source;
    this.#writer = new BodyWriter(socket, bodyShape(false, undefined));
    socket.setNoDelay(true);
    socket.on('drain', () => this.pump(performance.now()));
    this.#writer.head();
  }

  pump(nowMs: number): void {
    const live = Math.floor(((nowMs - this.#openedAtMs) * this.#source.packetsPerSecond) / 1000);
    while (this.#position < live && this.#socket.writable && !this.#socket.writableNeedDrain) {
      const count = Math.min(live - this.#position, MAX_BATCH_PACKETS);
      const packets = takeBytes(count * PACKET_BYTES);
      this.#source.fill(packets, this.#position, count, 0);
      this.#writer.write(packets);
      this.#position += count;
    }
  }
}
