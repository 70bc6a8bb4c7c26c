import type { Socket } from 'node:net';

/** Write sizes of the `oddChunks` fault: never in step with the packet grid, one far above a socket's usual read. */
const ODD_SIZES = [1, 187, 1316, 65_536] as const;

/** How the bytes of a body are cut and framed on their way to the socket. */
export interface BodyShape {
  /** Chunked transfer encoding instead of an end by closing. */
  chunked: boolean;
  /** Bytes of each write, in turn; as they come when absent. */
  sizes: readonly number[] | undefined;
  /** Bytes left out at the start. */
  skipBytes: number;
}

/** The shape asked for by the `chunked` and `oddChunks` faults. */
export const bodyShape = (
  chunked: boolean,
  odd: { sizes?: number[]; offsetBytes?: number } | undefined,
): BodyShape => ({
  chunked,
  sizes: odd && (odd.sizes ?? ODD_SIZES),
  skipBytes: odd?.offsetBytes ?? 0,
});

/** Writes a response straight to the socket, so that its head and its framing are exactly as wanted. */
export class BodyWriter {
  readonly #socket: Socket;
  readonly #shape: BodyShape;
  #skipBytes: number;
  #pieces = 0;
  #carry: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, shape: BodyShape) {
    this.#socket = socket;
    this.#shape = shape;
    this.#skipBytes = shape.skipBytes;
  }

  /** Sends the head. Its exact form for a close-delimited body is what simple readers of `/raw` rely on. */
  head(): void {
    const framing = this.#shape.chunked ? 'Transfer-Encoding: chunked\r\n' : '';
    this.#socket.write(`HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n${framing}Connection: close\r\n\r\n`);
  }

  /** Sends body bytes; returns how many of them were passed on (the rest was left out or is kept for the next write). */
  write(bytes: Buffer): number {
    const skip = Math.min(this.#skipBytes, bytes.length);
    this.#skipBytes -= skip;
    const rest = skip > 0 ? bytes.subarray(skip) : bytes;
    return this.#shape.sizes ? this.#cut(rest, this.#shape.sizes) : this.#frame(rest);
  }

  /** Ends the body cleanly. */
  end(): void {
    if (this.#carry.length > 0) this.#frame(this.#carry);
    this.#socket.end(this.#shape.chunked ? '0\r\n\r\n' : '');
  }

  #cut(bytes: Buffer, sizes: readonly number[]): number {
    this.#carry = Buffer.concat([this.#carry, bytes]);
    let sent = 0;
    for (;;) {
      const size = Math.max(1, sizes[this.#pieces % sizes.length]!);
      if (this.#carry.length < size) return sent;
      sent += this.#frame(this.#carry.subarray(0, size));
      this.#carry = this.#carry.subarray(size);
      this.#pieces++;
    }
  }

  #frame(bytes: Buffer): number {
    if (bytes.length === 0) return 0;
    if (this.#shape.chunked) this.#socket.write(`${bytes.length.toString(16)}\r\n`);
    this.#socket.write(bytes);
    if (this.#shape.chunked) this.#socket.write('\r\n');
    return bytes.length;
  }
}
