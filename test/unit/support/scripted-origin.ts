import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** Answers one request. */
export type OriginAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server of streams that answers what the test says, on a free port, and watches its connections. */
export class ScriptedOrigin {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Every request so far. */
  readonly requests: { path: string; headers: IncomingHttpHeaders }[] = [];
  /** Connections so far. */
  connections = 0;
  port = 0;
  readonly #scheme: string;
  readonly #host: string;

  private constructor(
    answers: Record<string, OriginAnswer>,
    host: string,
    tls: { key: string; cert: string } | undefined,
  ) {
    this.#host = host;
    this.#scheme = tls === undefined ? 'http' : 'https';
    const listener: OriginAnswer = (request, response) => {
      this.requests.push({ path: request.url!, headers: request.headers });
      const answer = answers[request.url!.split('?', 1)[0]!] ?? answers['*'];
      if (answer === undefined) response.writeHead(404).end();
      else answer(request, response);
    };
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param answers what to answer, by path; `*` answers the rest */
  static async start(
    answers: Record<string, OriginAnswer>,
    { host = '127.0.0.1', tls }: { host?: string; tls?: { key: string; cert: string } } = {},
  ): Promise<ScriptedOrigin> {
    const origin = new ScriptedOrigin(answers, host, tls);
    origin.#server.listen(0, host);
    await once(origin.#server, 'listening');
    origin.port = (origin.#server.address() as AddressInfo).port;
    return origin;
  }

  get url(): string {
    return `${this.#scheme}://${this.#host}:${this.port}`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}

/** Redirects. */
export function redirect(location: string, status = 302): OriginAnswer {
  return (_, response) => response.writeHead(status, { Location: location }).end('<html>moved</html>');
}

/** Answers with a body that goes on after `beginning`, close-delimited, until the connection ends. */
export function endless(beginning: Buffer, contentType = 'video/mp2t'): OriginAnswer {
  return (_, response) => {
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { 'Content-Type': contentType }).write(beginning);
  };
}
