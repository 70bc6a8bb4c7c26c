import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineState } from './engine-state.ts';

/** One request and how it is answered. */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  readonly state: EngineState;

  constructor(req: IncomingMessage, res: ServerResponse, state: EngineState) {
    this.req = req;
    this.res = res;
    this.state = state;
    this.url = new URL(req.url ?? '/', 'http://engine');
  }

  get query(): URLSearchParams {
    return this.url.searchParams;
  }

  /** Parts of the path, without the empty one in front. */
  get path(): string[] {
    return this.url.pathname.split('/').slice(1);
  }

  /** Waits unless the engine closes first, which rejects. */
  async wait(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: this.state.closing.signal });
  }

  /** Waits for a delay of a real engine, scaled by the `timeScale` option. */
  async waitWire(ms: number): Promise<void> {
    await this.wait(ms * this.state.options.timeScale);
  }

  text(status: number, body: string): void {
    this.res.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) });
    this.res.end(body);
  }

  /** A JSON answer with status 200, or JSONP if `format=jsonp` and a callback are given. */
  json(value: unknown, status = 200): void {
    const callback = this.query.get('format') === 'jsonp' ? this.query.get('callback') : null;
    const json = JSON.stringify(value);
    const body = callback ? `${callback}(${json})` : json;
    const type = callback ? 'application/javascript' : 'application/json';
    this.res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
    this.res.end(body);
  }

  /**
   * A redirect as engines write it: a short text body without any length, so that only the closing of the connection
   * ends it.
   * @param keepOpen leaves the connection open behind the body
   */
  redirect(location: string, keepOpen = false): void {
    const socket = this.req.socket;
    socket.write(
      `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nAccess-Control-Allow-Origin: *\r\n` +
        `Content-Type: text/plain\r\n\r\nRedirect to ${location}`,
    );
    if (!keepOpen) socket.end();
  }
}
