/** One viewer on a raw socket: asks for the stream, checks what arrives, remembers how it joined. */
import net from 'node:net';
import { type BodyChecker, GridChecker, PacketChecker } from './packet-checker.ts';
import { ResponseReader } from './response-reader.ts';

/** Where the stream is served (always on this machine). */
export interface StreamAddress {
  port: number;
  path: string;
}

// All viewers of a thread read into one buffer: what was read is checked before the next read can begin.
const sharedBuffer = new Uint8Array(256 * 1024);

// performance.now() is cheap but counts from the thread's start; the stamps are on the machine's monotonic clock.
const clockOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The machine's monotonic clock in milliseconds. */
export function monotonicMs(): number {
  return performance.now() + clockOffsetMs;
}

function requestHead(address: StreamAddress): string {
  return `GET ${address.path} HTTP/1.1\r\nHost: 127.0.0.1:${address.port}\r\nUser-Agent: sluice-bench\r\nAccept: */*\r\n\r\n`;
}

/** A viewer that reads as fast as it can. */
export class Viewer {
  /** Packet by packet, or null for a viewer of which only bytes and grid are checked. */
  readonly packets: PacketChecker | null;
  bytes = 0;
  /** The server ended the connection, or it failed; never set by our own `close`. */
  ended = false;
  /** How the connection ended, where it failed. */
  failure: string | null = null;
  readonly #checker: BodyChecker;
  readonly #response: ResponseReader;
  readonly #socket: net.Socket;
  readonly #openedAtMs = monotonicMs();
  #firstByteAtMs: number | null = null;
  #readAtMs = 0;
  #closing = false;

  constructor(address: StreamAddress, kind: 'parsed' | 'counted') {
    this.packets = kind === 'parsed' ? new PacketChecker() : null;
    this.#checker = this.packets ?? new GridChecker();
    this.#response = new ResponseReader((bytes, from, to) => this.#body(bytes, from, to));
    this.#socket = net.connect({
      port: address.port,
      host: '127.0.0.1',
      onread: { buffer: sharedBuffer, callback: (length, bytes) => this.#read(bytes, length) },
    });
    this.#socket.on('error', error => {
      this.failure = error.message;
      this.#end();
    });
    this.#socket.on('close', () => this.#end());
    this.#socket.write(requestHead(address));
  }

  get status(): number | null {
    return this.#response.status;
  }

  get syncErrors(): number {
    return this.#checker.syncErrors;
  }

  /** From opening the connection to the body's first byte; null before. */
  get firstByteMs(): number | null {
    return this.#firstByteAtMs === null ? null : this.#firstByteAtMs - this.#openedAtMs;
  }

  /** From opening the connection to the first random-access packet; null before. */
  get firstRandomAccessMs(): number | null {
    const at = this.packets?.firstRandomAccessAtMs ?? null;
    return at === null ? null : at - this.#openedAtMs;
  }

  /** Stops reading, like a player with a full buffer. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #read(bytes: Uint8Array, length: number): boolean {
    this.#readAtMs = monotonicMs();
    try {
      this.#response.push(bytes, length);
    } catch {
      this.#socket.destroy();
    }
    return true;
  }

  #body(bytes: Uint8Array, from: number, to: number): void {
    if (this.#response.status !== 200) return;
    this.bytes += to - from;
    this.#checker.push(bytes, from, to, this.#readAtMs);
    this.#firstByteAtMs ??= this.#readAtMs;
  }

  #end(): void {
    if (!this.#closing) this.ended = true;
  }
}

/** Opens viewers that ask for the stream and never read a byte of it; the returned function closes them all. */
export async function openStalledViewers(address: StreamAddress, count: number): Promise<() => void> {
  const sockets = Array.from({ length: count }, () => {
    const socket = new net.Socket();
    socket.pause(); // before connecting, or Node reads the first bytes on its own
    socket.on('error', () => {});
    return socket;
  });
  for (const socket of sockets) {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(address.port, '127.0.0.1', () => socket.write(requestHead(address), () => resolve()));
    });
  }
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
