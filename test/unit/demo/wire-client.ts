import { connect, type Socket } from 'node:net';

/** Waits for `promise`, but fails with `label` instead of hanging. */
export async function within<Value>(label: string, promise: Promise<Value>, deadlineMs = 5000): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${label}: nothing within ${deadlineMs} ms`)), deadlineMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** How a connection ended. */
export type Ending = 'end' | 'reset';

/** One GET over a plain socket: shows exactly what is on the wire, also what no HTTP client would take. */
export class WireRequest {
  readonly #socket: Socket;
  #pieces: Buffer[] = [];
  #length = 0;
  #changed: () => void = () => {};
  #ending: Ending | undefined;

  constructor(url: string, headers: Record<string, string> = {}) {
    const { hostname, port, host, pathname, search } = new URL(url);
    this.#socket = connect(Number(port), hostname);
    this.#socket.on('data', data => {
      this.#pieces.push(data);
      this.#length += data.length;
      this.#changed();
    });
    this.#socket.on('end', () => this.#finish('end'));
    this.#socket.on('error', () => this.#finish('reset'));
    this.#socket.on('close', () => this.#finish('end'));
    const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`);
  }

  /** Everything received so far, head included. */
  get received(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  /** How the connection ended; undefined while it is open. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Status line and headers, once they are there. */
  async head(): Promise<string> {
    await this.#until('the head of the answer', () => this.received.includes('\r\n\r\n'));
    return this.received.toString('latin1').split('\r\n\r\n')[0]!;
  }

  /** The first `bytes` of the body, once they are there. */
  async body(bytes: number): Promise<Buffer> {
    await this.head();
    const start = this.received.indexOf('\r\n\r\n') + 4;
    await this.#until(`${bytes} bytes of body`, () => this.#length - start >= bytes);
    return this.received.subarray(start, start + bytes);
  }

  /** Everything behind the head, once the connection ended. */
  async rest(): Promise<Buffer> {
    await this.ended();
    return this.received.subarray(this.received.indexOf('\r\n\r\n') + 4);
  }

  async ended(): Promise<Ending> {
    await this.#until('the end of the connection', () => this.#ending !== undefined);
    return this.#ending!;
  }

  /** Stops taking data, so that the sender's socket fills up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #finish(ending: Ending): void {
    this.#ending ??= ending;
    this.#changed();
  }

  async #until(label: string, condition: () => boolean): Promise<void> {
    const reached = new Promise<void>((resolve, reject) => {
      this.#changed = () => {
        if (condition()) resolve();
        else if (this.#ending) reject(new Error(`${label}: the connection ended (${this.#ending}) first`));
      };
      this.#changed();
    });
    await within(label, reached);
  }
}
