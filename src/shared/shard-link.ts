/**
 * Typed requests, responses and notifications over anything that posts messages. Used on both sides of the boundary
 * between the front and a shard. No promise may hang: a request ends by its answer, its deadline, or the link's end.
 */
import type { Transferable } from 'node:worker_threads';
import { SluiceError, type WireError } from './errors.ts';

/** Requests by name, each with its shape and its answer. */
export type RequestMap = Record<string, { request: object; response: unknown }>;

/** The end of a channel: a Worker, or the port a worker was born with. */
export interface LinkPort {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

type Envelope =
  | { kind: 'request'; id: number; method: string; body: object }
  | { kind: 'response'; id: number; ok: true; body: unknown }
  | { kind: 'response'; id: number; ok: false; error: WireError }
  | { kind: 'notification'; body: unknown };

/** Answers the other side's requests, by name. */
export type RequestHandlers<Theirs extends RequestMap> = {
  [K in keyof Theirs]: (request: Theirs[K]['request']) => Promise<Theirs[K]['response']> | Theirs[K]['response'];
};

interface Pending {
  method: string;
  resolve: (value: unknown) => void;
  reject: (error: SluiceError) => void;
  timer: NodeJS.Timeout;
}

/** One end of a link. `Ours` are the requests this side sends, `Theirs` those it answers. */
export class ShardLink<Ours extends RequestMap, Theirs extends RequestMap, Out, In> {
  readonly #port: LinkPort;
  readonly #handlers: RequestHandlers<Theirs>;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closedBecause: string | undefined;

  /**
   * @param port where messages go and come from
   * @param handlers answers to the other side's requests
   * @param onNotification called for each notification
   */
  constructor(port: LinkPort, handlers: RequestHandlers<Theirs>, onNotification: (notification: In) => void) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', message => {
      if (this.#closedBecause !== undefined) return;
      const envelope = message as Envelope;
      switch (envelope.kind) {
        case 'notification':
          onNotification(envelope.body as In);
          break;
        case 'request':
          void this.#answer(envelope);
          break;
        case 'response':
          this.#settle(envelope);
          break;
        default:
          envelope satisfies never;
      }
    });
  }

  /** Tells the other side something; lost when the link is closed. */
  notify(body: Out, transfer: readonly Transferable[] = []): void {
    if (this.#closedBecause === undefined) this.#port.postMessage({ kind: 'notification', body }, transfer);
  }

  /**
   * Asks the other side.
   * @param timeoutMs how long the answer may take
   * @throws SluiceError what the other side threw, `link_timeout`, or `link_closed`
   */
  request<K extends keyof Ours & string>(
    method: K,
    body: Ours[K]['request'],
    timeoutMs: number,
  ): Promise<Ours[K]['response']> {
    if (this.#closedBecause !== undefined)
      return Promise.reject(new SluiceError('link_closed', `'${method}' was not asked: ${this.#closedBecause}.`));
    const id = this.#nextId++;
    try {
      this.#port.postMessage({ kind: 'request', id, method, body } satisfies Envelope);
    } catch (error) {
      return Promise.reject(SluiceError.from(error)); // The request can't be cloned.
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new SluiceError('link_timeout', `'${method}' was not answered within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.#pending.set(id, { method, resolve, reject, timer });
    });
  }

  /** Ends the link: every pending request is rejected, later messages are ignored. Idempotent. */
  close(because: string): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = because;
    for (const { method, reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new SluiceError('link_closed', `'${method}' got no answer: ${because}.`));
    }
    this.#pending.clear();
  }

  async #answer({ id, method, body }: Extract<Envelope, { kind: 'request' }>): Promise<void> {
    const post = (envelope: Envelope): void => {
      if (this.#closedBecause === undefined) this.#port.postMessage(envelope);
    };
    try {
      post({ kind: 'response', id, ok: true, body: await this.#handlers[method]!(body) });
    } catch (error) {
      post({ kind: 'response', id, ok: false, error: SluiceError.from(error).toWire() });
    }
  }

  #settle(envelope: Extract<Envelope, { kind: 'response' }>): void {
    const pending = this.#pending.get(envelope.id);
    if (pending === undefined) return; // Answered after its deadline.
    this.#pending.delete(envelope.id);
    clearTimeout(pending.timer);
    if (envelope.ok) pending.resolve(envelope.body);
    else pending.reject(SluiceError.fromWire(envelope.error));
  }
}
