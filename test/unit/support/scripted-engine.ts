import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An engine over HTTP that answers what the test says, on a free port. */
export class ScriptedEngine {
  readonly #server = createServer({ keepAlive: false }, (request, response) => {
    const url = new URL(request.url!, 'http://engine');
    this.requests.push(url);
    const answer = this.answers[url.pathname] ?? this.answers['*'];
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  /** Every request so far. */
  readonly requests: URL[] = [];
  /** What to answer, by path; `*` answers the rest. */
  answers: Record<string, Answer>;
  url = '';

  private constructor(answers: Record<string, Answer>) {
    this.answers = answers;
  }

  static async start(answers: Record<string, Answer> = {}): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(answers);
    engine.#server.listen(0, '127.0.0.1');
    await once(engine.#server, 'listening');
    engine.url = `http://127.0.0.1:${(engine.#server.address() as AddressInfo).port}`;
    return engine;
  }

  /** Paths of all requests. */
  get paths(): string[] {
    return this.requests.map(url => url.pathname);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

/** Answers with JSON. */
export function json(body: unknown, status = 200): Answer {
  return (_, response) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers with the bytes given, whatever HTTP says about them. */
export async function rawServer(
  answer: (socket: Socket) => void,
): Promise<{ url: string; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createTcpServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An address where nothing listens: one that was in use a moment ago. */
export async function refusingUrl(): Promise<string> {
  const server = await rawServer(() => {});
  await server.close();
  return server.url;
}
