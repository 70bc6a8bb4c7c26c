import { connect, type Socket } from 'node:net';
import { TsCheck } from './ts-check.ts';
import { until, within } from './until.ts';

/** How a viewer asks. */
export interface WatchOptions {
  /** Stops reading from the socket at once, like a paused player with a full buffer. */
  paused?: boolean;
  /** Keeps the body, for tests that compare bytes. */
  keep?: boolean;
  headers?: Record<string, string>;
  method?: string;
}

/** A player reduced to its socket: it asks, reads and checks every packet. */
export class Viewer {
  readonly socket: Socket;
  readonly check = new TsCheck();
  /** Settles when the connection is over, however it ended. */
  readonly closed: Promise<void>;
  status = 0;
  head = '';
  bytes = 0;
  isClosed = false;
  readonly #keep: boolean;
  readonly #kept: Buffer[] = [];
  #early = Buffer.alloc(0);

  constructor(port: number, path: string, { paused, keep, headers, method = 'GET' }: WatchOptions = {}) {
    this.#keep = keep ?? false;
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    const extra = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: test\r\n${extra.join('')}\r\n`);
    this.socket.on('data', chunk => this.#take(chunk));
    this.socket.on('error', () => {}); // Shows as the close that follows.
    this.closed = new Promise(resolve => {
      this.socket.on('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
    if (paused) this.socket.pause();
  }

  /** The body so far. */
  get body(): Buffer {
    return Buffer.concat(this.#kept);
  }

  /** The body as JSON, once the connection is over. */
  async json(): Promise<unknown> {
    await within(`the end of the answer, head so far: ${this.head}`, this.closed);
    return JSON.parse(this.body.toString('utf8'));
  }

  /** Waits until `packets` more packets came. */
  async more(packets: number, deadlineMs?: number): Promise<void> {
    const wanted = this.check.packets + packets;
    await until(
      `${packets} more packets (status ${this.status}, ${this.check.packets} so far)`,
      () => {
        if (this.isClosed && this.check.packets < wanted)
          throw new Error(`closed by the gateway after ${this.check.packets} packets: ${this.head}${this.body}`);
        return this.check.packets >= wanted;
      },
      deadlineMs,
    );
  }

  /** Leaves, like a player that is switched off. */
  leave(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.status !== 0) {
      this.#body(chunk);
      return;
    }
    this.#early = Buffer.concat([this.#early, chunk]);
    const end = this.#early.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.head = this.#early.subarray(0, end).toString('latin1');
    this.status = Number(this.head.split(' ')[1]);
    this.#body(this.#early.subarray(end + 4));
  }

  #body(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#keep || this.status !== 200) this.#kept.push(Buffer.from(chunk));
    if (this.status === 200) this.check.push(chunk);
  }
}

/** Packets of a viewer that should not be as they are: off the grid, lost, repeated, or after a jump nobody announced. */
export function faults({ check }: Viewer): number {
  return check.syncErrors + check.continuityErrors + check.lost + check.repeated;
}
