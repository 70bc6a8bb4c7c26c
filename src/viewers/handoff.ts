/**
 * The only file that knows how a shard's bytes reach a viewer. Two ways, one interface: the shard writes to a
 * duplicate of the socket's descriptor (handoff), or the front writes what the shard posts (relay). Either outlives
 * the shard, so that a successor can go on where it stopped.
 */
import { closeSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type * as Libc from '../native/libc.ts';
import { type OutletSpec, RELAY_WINDOW_BYTES, type RelayFromFront, type RelayToFront } from '../shared/protocol.ts';

/** A transport for live bytes. */
export type Transport = OutletSpec['kind'];

/** A viewer's connection, kept by the front for as long as the viewer is there. */
export interface Connection {
  readonly transport: Transport;
  /** What a shard needs to write to the viewer; asked again for the successor of a shard that died. */
  outlet(): OutletSpec;
  /** Bytes that went out, where the front is the only one to know. */
  readonly sentBytes: number | undefined;
  /** Lets go of the connection; what was written before still arrives. */
  close(): void;
}

/**
 * Takes a socket away from the HTTP server.
 * @param onGone called when the viewer leaves while no shard is there to notice (relay only)
 * @throws Error when the socket is closed already, or descriptors have run out
 */
export type TakeOver = (socket: Socket, onGone: () => void) => Connection;

/** Hands sockets over by descriptor. */
export function handOff(libc: typeof Libc): TakeOver {
  return socket => new HandedOff(socket, libc);
}

/** Relays bytes through the front; works everywhere. */
export const relay: TakeOver = (socket, onGone) => new Relayed(socket, onGone);

/** How much of what a viewer sent us unasked is read before its connection is closed. */
const DRAIN_BYTES = 65_536;
const drainBuffer = Buffer.alloc(DRAIN_BYTES);

class HandedOff implements Connection {
  readonly transport = 'handoff';
  readonly sentBytes = undefined;
  readonly #fd: number;

  constructor(socket: Socket, libc: typeof Libc) {
    const fd = (socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1;
    if (fd < 0) throw new Error('the viewer left before it could be handed over');
    this.#fd = libc.duplicate(fd);
    // The server forgets the connection, which stays open because the duplicate refers to it.
    socket.destroy();
  }

  outlet(): OutletSpec {
    return { kind: 'handoff', fd: this.#fd };
  }

  close(): void {
    try {
      // Closing with unread input would reset the connection and could cut off what was sent last.
      readSync(this.#fd, drainBuffer);
    } catch {
      // Nothing to read, or the viewer is gone.
    }
    closeSync(this.#fd);
  }
}

class Relayed implements Connection {
  readonly transport = 'relay';
  readonly #socket: Socket;
  #port: MessagePort | undefined;
  #sentBytes = 0;
  /** Bytes that the socket took and that no credit was returned for. */
  #owedBytes = 0;

  constructor(socket: Socket, onGone: () => void) {
    if (socket.destroyed) throw new Error('the viewer left before it could be relayed');
    this.#socket = socket;
    const gone = (): void => {
      // The shard notices the closed port; without a shard somebody else must.
      if (this.#port === undefined) onGone();
      else this.#port.close();
    };
    socket.on('error', () => {});
    socket.on('end', gone);
    socket.on('close', gone);
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  outlet(): OutletSpec {
    const { port1, port2 } = new MessageChannel();
    this.#owedBytes = 0; // The next shard begins with a whole window.
    port1.on('message', (message: RelayToFront) => this.#take(port1, message));
    port1.on('close', () => {
      if (this.#port === port1) this.#port = undefined;
    });
    this.#port = port1;
    return { kind: 'relay', port: port2 };
  }

  close(): void {
    const port = this.#port;
    this.#port = undefined;
    if (port !== undefined) {
      // The shard reports a viewer detached over another port, which may be faster than its last bytes over this one.
      for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port))
        this.#take(port, last.message as RelayToFront);
      port.close();
    }
    this.#socket.destroySoon();
  }

  #take(port: MessagePort, message: RelayToFront): void {
    if (message.type === 'end') {
      this.#socket.destroySoon();
      return;
    }
    const { length } = message.chunk;
    this.#sentBytes += length;
    this.#socket.write(message.chunk, () => {
      if (port !== this.#port) return;
      this.#owedBytes += length;
      if (this.#owedBytes < RELAY_WINDOW_BYTES / 4) return; // Credit goes back in few, large notes.
      port.postMessage({ creditBytes: this.#owedBytes } satisfies RelayFromFront);
      this.#owedBytes = 0;
    });
  }
}
