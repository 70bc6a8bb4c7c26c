import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { createApp } from './app.ts';

/** How the front listens. */
export interface ServerOptions {
  host: string;
  /** 0 picks any free port. */
  port: number;
  /** Connections that are open at once and not yet viewers. */
  maxConnections: number;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 5_000;
/** How often connections that say nothing are looked for. */
const CHECK_INTERVAL_MS = 1_000;
const MAX_HEADER_BYTES = 16_384;
const BACKLOG = 4_096;

/** The front's listener. */
export class HttpServer {
  readonly #server: Server;
  readonly #options: ServerOptions;

  constructor(app: ReturnType<typeof createApp>, options: ServerOptions) {
    this.#options = options;
    this.#server = createAdaptorServer({
      fetch: app.fetch,
      serverOptions: {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
    }) as Server;
    this.#server.maxConnections = options.maxConnections;
  }

  /**
   * Begins to accept.
   * @returns the port
   * @throws Error when the address can't be listened on
   */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    this.#server.listen({ host, port, backlog: BACKLOG });
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops accepting; what is open goes on. */
  stopAccepting(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  /** Ends every connection that is left. */
  close(): void {
    this.#server.closeAllConnections();
  }
}
