/** Takes an HTTP/1.1 response apart: its head once, then the body's bytes, whether chunked or ended by the close. */

type BodySink = (bytes: Uint8Array, from: number, to: number) => void;

const MAX_HEAD_BYTES = 16 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** A response that isn't HTTP, or whose head never ends. */
export class ResponseError extends Error {
  override name = 'ResponseError';
}

/** Feed it what the socket brings; it calls `onBody` with ranges of the very same buffer (nothing is copied). */
export class ResponseReader {
  /** The status code, or null until the head is complete. */
  status: number | null = null;
  readonly #onBody: BodySink;
  #head = '';
  #chunked = false;
  #state: 'size' | 'extension' | 'data' | 'data-end' | 'done' = 'size';
  #chunkLeft = 0;

  constructor(onBody: BodySink) {
    this.#onBody = onBody;
  }

  push(bytes: Uint8Array, length: number): void {
    const from = this.status === null ? this.#readHead(bytes, length) : 0;
    if (this.status === null || from >= length) return;
    if (this.#chunked) this.#readChunks(bytes, from, length);
    else this.#onBody(bytes, from, length);
  }

  /** Returns where the body begins in `bytes`. */
  #readHead(bytes: Uint8Array, length: number): number {
    const before = this.#head.length;
    this.#head += Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(length, MAX_HEAD_BYTES)).toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#head.length >= MAX_HEAD_BYTES) throw new ResponseError('the response head never ends');
      return length;
    }
    const head = this.#head.slice(0, end);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    if (status === undefined) throw new ResponseError(`not an HTTP response: '${head.slice(0, 40)}'`);
    this.status = Number(status);
    this.#chunked = /\r\ntransfer-encoding:\s*chunked/i.test(head);
    this.#head = '';
    return end + 4 - before;
  }

  #readChunks(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to && this.#state !== 'done'; ) {
      if (this.#state === 'data') {
        const end = Math.min(to, at + this.#chunkLeft);
        this.#onBody(bytes, at, end);
        this.#chunkLeft -= end - at;
        at = end;
        if (this.#chunkLeft === 0) this.#state = 'data-end';
      } else this.#framing(bytes[at++]!);
    }
  }

  /** One byte of a size line, or of the line end after a chunk. */
  #framing(byte: number): void {
    if (byte === LINE_FEED) {
      if (this.#state === 'data-end') this.#state = 'size';
      else this.#state = this.#chunkLeft > 0 ? 'data' : 'done';
    } else if (this.#state === 'size' && byte !== CARRIAGE_RETURN) {
      const digit = Number.parseInt(String.fromCharCode(byte), 16);
      if (Number.isNaN(digit)) this.#state = 'extension';
      else this.#chunkLeft = this.#chunkLeft * 16 + digit;
    }
  }
}
