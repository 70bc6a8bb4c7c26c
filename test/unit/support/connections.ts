import { closeSync } from 'node:fs';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { duplicate } from '../../../src/native/libc.ts';
import { within } from './waiting.ts';

/** A viewer's socket and the descriptor of ours that is connected to it. */
export interface Pair {
  viewer: Socket;
  fd: number;
  received: () => Buffer;
  ended: () => boolean;
}

/** Connections over loopback, with our ends as bare descriptors. Linux only. */
export class Connections {
  readonly #server: Server = createServer({ allowHalfOpen: true });
  readonly #viewers: Socket[] = [];
  /** Descriptors that are closed at the end. */
  readonly descriptors: number[] = [];

  async listen(): Promise<void> {
    const listening = new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    await within('the server listens', listening);
  }

  async pair({ reading = true } = {}): Promise<Pair> {
    const accepted = new Promise<Socket>(resolve => this.#server.once('connection', resolve));
    const { port } = this.#server.address() as { port: number };
    const viewer = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.#viewers.push(viewer);
    const parts: Buffer[] = [];
    let ended = false;
    viewer.on('error', () => {});
    viewer.on('end', () => {
      ended = true;
    });
    if (reading) viewer.on('data', data => parts.push(data));
    else viewer.pause();
    const ours = await within('the connection', accepted);
    const fd = duplicate((ours as unknown as { _handle: { fd: number } })._handle.fd);
    this.descriptors.push(fd);
    ours.destroy();
    await within('our socket object is gone', new Promise(resolve => ours.once('close', resolve)));
    return { viewer, fd, received: () => Buffer.concat(parts), ended: () => ended };
  }

  async close(): Promise<void> {
    for (const viewer of this.#viewers.splice(0)) viewer.destroy();
    for (const fd of this.descriptors.splice(0)) closeSync(fd);
    await within('the server closes', new Promise(resolve => this.#server.close(resolve)));
  }
}
