import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Content, ContentSpec } from './content.ts';
import { Contents } from './contents.ts';
import {
  type ContentPatch,
  type EngineSnapshot,
  engineSnapshot,
  type GlobalPatch,
  patchContent,
  patchGlobal,
} from './controls.ts';
import { newCounts } from './counts.ts';
import type { EngineState, GlobalFaults } from './engine-state.ts';
import { Exchange } from './exchange.ts';
import { DEFAULT_OPTIONS, type EngineOptions } from './options.ts';
import { Pacer } from './pacer.ts';
import { dispatch } from './routes/dispatch.ts';
import { Sessions } from './sessions.ts';

/** Where an engine listens; port 0 takes a free one. */
export interface ListenAddress {
  host?: string;
  port?: number;
}

/**
 * A stand-in for an AceStream engine: the HTTP API a gateway uses, with its session rules and, on request, its faults.
 * It serves the demo, the tests and the benchmarks, from its own thread, process or inside a test.
 */
export class DemoEngine {
  readonly #server: Server;
  readonly #state: EngineState;
  /** Open connections, and whether the last request on each was for the control API. */
  readonly #sockets = new Map<Socket, { control: boolean }>();

  constructor(options: Partial<EngineOptions> = {}) {
    const all = { ...DEFAULT_OPTIONS, ...options };
    const counts = newCounts();
    this.#state = {
      options: all,
      counts,
      contents: new Contents(all),
      sessions: new Sessions(all, counts),
      pacer: new Pacer(),
      global: {},
      rawReaders: new Set(),
      closing: new AbortController(),
      cutConnections: () => this.#cutConnections(),
    };
    // Every simulated delay listens, and there is no limit to those.
    setMaxListeners(0, this.#state.closing.signal);
    this.#server = createServer((req, res) => this.#serve(req, res));
    this.#server.on('connection', socket => {
      this.#sockets.set(socket, { control: false });
      // Resets are ordinary here; the close that follows does the rest.
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Starts listening; on loopback and a free port unless told otherwise. */
  async listen({ host = '127.0.0.1', port = 0 }: ListenAddress = {}): Promise<{ host: string; port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return { host, port: (this.#server.address() as AddressInfo).port };
  }

  /** Ends all sessions, simulated delays and connections, and stops listening. */
  async close(): Promise<void> {
    this.#state.closing.abort();
    this.#state.sessions.close();
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }

  /** Adds a content, or replaces the one with this infohash (40 lower-case hex digits). */
  putContent(infohash: string, spec: ContentSpec): Content {
    return this.#state.contents.put(infohash, spec);
  }

  /** Changes the faults of a content, also while it runs. */
  patchContent(infohash: string, patch: ContentPatch): Content {
    return patchContent(this.#state, infohash, patch);
  }

  /** Changes the faults of the whole engine. */
  global(patch: GlobalPatch): GlobalFaults {
    return patchGlobal(this.#state, patch);
  }

  /** What the engine is doing and has counted. */
  state(): EngineSnapshot {
    return engineSnapshot(this.#state);
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    const connection = this.#sockets.get(req.socket);
    if (connection) connection.control = req.url?.startsWith('/sim/') ?? false;
    // An exchange fails on a URL that is none, and when the engine closes during a delay.
    const answered = new Promise<void>(resolve => resolve(dispatch(new Exchange(req, res, this.#state))));
    answered.catch(() => req.socket.destroy());
  }

  #cutConnections(): void {
    for (const [socket, { control }] of this.#sockets) if (!control) socket.resetAndDestroy();
  }
}
