import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Answer, json, ScriptedEngine } from './scripted-engine.ts';

/** The infohash of whatever a {@link SessionEngine} plays. */
export const INFOHASH = 'a'.repeat(40);

/** An engine with sessions that do as they are told: each plays until the test breaks it. */
export class SessionEngine {
  readonly #server: ScriptedEngine;
  #sessions = 0;
  /** Numbers of the sessions that were opened and not stopped. */
  readonly open = new Set<number>();
  /** Bodies that are being sent. */
  readonly bodies = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  /** What the statistics of every session say. */
  stat: Record<string, unknown> = { status: 'dl', peers: 3, downloaded: 16_384 };
  /** Answers that take the place of the usual ones. */
  start: Answer | undefined;
  look: Answer | undefined;
  play: Answer | undefined;
  stop: Answer | undefined;
  isLive: 0 | 1 = 1;
  /** Called with each request before it is answered. */
  onStep: (step: string) => void = () => {};

  private constructor(server: ScriptedEngine) {
    this.#server = server;
    server.answers = { '*': (request, response) => this.#answer(request, response) };
  }

  static async run(): Promise<SessionEngine> {
    return new SessionEngine(await ScriptedEngine.start());
  }

  get url(): string {
    return this.#server.url;
  }

  /** What was asked, as path and parameters that matter. */
  get asked(): string[] {
    return this.#server.requests.map(({ pathname, searchParams }) => {
      const [, kind] = pathname.split('/').slice(1);
      if (kind !== 'getstream') return pathname;
      return `${pathname} ${searchParams.has('id') ? 'id' : 'infohash'} ${searchParams.get('pid')}`;
    });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Sends bytes to every reader. */
  send(bytes: Buffer | string = 'bytes'): void {
    for (const body of this.bodies) body.write(bytes);
  }

  /** Cuts every reader off. */
  cut(): void {
    for (const body of this.bodies) body.destroy();
  }

  /** Ends every body in good order. */
  finish(): void {
    for (const body of this.bodies) body.end();
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  readonly #answer: Answer = (request, response) => {
    const { socket, url = '' } = request;
    if (!this.#sockets.has(socket)) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    const [, root, kind, number] = new URL(url, 'http://engine').pathname.split('/');
    this.onStep(root === 'content' ? 'content' : kind!);
    if (root === 'content') (this.play ?? this.#play)(request, response);
    else if (kind === 'getstream') (this.start ?? this.answerStart)(request, response);
    else if (kind === 'r') response.writeHead(302, { Location: `/content/${number}` }).end();
    else if (root === 'webui') json({ result: { version: '3.2.11' } })(request, response);
    else if (kind === 'cmd' && this.stop !== undefined) this.stop(request, response);
    else if (kind === 'cmd') this.#stop(Number(number), request, response);
    else if (this.look !== undefined) this.look(request, response);
    else if (this.open.has(Number(number))) json({ response: this.stat })(request, response);
    else json({ error: 'unknown playback session id' })(request, response);
  };

  /** Opens a session, as it does where a test doesn't say otherwise. */
  readonly answerStart: Answer = (request, response) => {
    const number = ++this.#sessions;
    this.open.add(number);
    json({
      response: {
        infohash: INFOHASH,
        playback_url: `/ace/r/${number}`,
        stat_url: `/ace/stat/${number}`,
        command_url: `/ace/cmd/${number}`,
        is_live: this.isLive,
      },
    })(request, response);
  };

  readonly #play: Answer = (_, response) => {
    this.bodies.add(response);
    response.on('close', () => this.bodies.delete(response));
    response.writeHead(200, { 'Content-Type': 'video/mp2t' }).write('first');
  };

  #stop(number: number, ...exchange: Parameters<Answer>): void {
    const known = this.open.delete(number);
    json(known ? { response: 'ok' } : { error: 'unknown playback session id' })(...exchange);
  }
}
