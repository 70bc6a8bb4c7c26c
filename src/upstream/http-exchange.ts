import { Client, type Dispatcher } from 'undici';
import { SluiceError } from '../shared/errors.ts';
import type { AddressGuard } from './address-guard.ts';
import { type AnswerHeaders, looksLikeText, readHead, SNIFFED_BYTES } from './http-head.ts';
import type { HttpTarget } from './http-target.ts';
import { transportError } from './transport-error.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_HEAD_BYTES = 16 << 10;
/** Heads that only announce another one (1xx); the limit of bytes holds for each anew. */
const MAX_EARLY_HEADS = 4;

/** What takes the bytes of a body. */
export interface BodySink {
  /** There is a body, and it is no text. */
  opened(contentType: string): void;
  /** The next bytes; the buffer is only valid during the call. */
  data(chunk: Buffer): void;
}

/** Time limits of an exchange. */
export interface ExchangeLimits {
  /** From now to the head of the answer. */
  answerMs: number;
  /** How long a body may bring no byte. */
  stallMs: number;
}

/** How an exchange came to its end: where the server sends us instead, or the last byte of a body of known length. */
export type Outcome = { kind: 'redirect'; location: string } | { kind: 'complete' };

/**
 * Sends one request over a connection of its own, and reads the answer to its end. Whatever happens, the connection is
 * closed when this settles.
 * @param signal ends the exchange, which then rejects with its reason
 * @throws SluiceError why there is no stream, or why it broke
 */
export async function exchange(
  { url, headers }: HttpTarget,
  guard: AddressGuard,
  limits: ExchangeLimits,
  signal: AbortSignal,
  sink: BodySink,
): Promise<Outcome> {
  guard.checkLiteral(url.hostname);
  // The socket listens to this from its first moment, so that looking up and connecting end as quickly as reading.
  const cut = new AbortController();
  const client = new Client(url.origin, {
    connect: { lookup: guard.lookup, timeout: CONNECT_TIMEOUT_MS, signal: cut.signal },
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: 0, // Ours don't start anew with every head that comes early, nor with bytes that are no body.
    bodyTimeout: 0,
  });
  const answer = new Answer(limits, sink);
  const onAbort = (): void => answer.fail(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    if (signal.aborted) onAbort();
    else client.dispatch({ method: 'GET', path: url.pathname + url.search, headers, reset: true }, answer);
    return await answer.outcome;
  } finally {
    signal.removeEventListener('abort', onAbort);
    answer.close();
    cut.abort();
    await client.destroy();
  }
}

/**
 * What undici calls as the answer comes in. What these methods throw makes it cut the connection and report it as the
 * error. After the outcome is known nothing reaches the sink.
 */
class Answer implements Dispatcher.DispatchHandler {
  readonly outcome: Promise<Outcome>;
  readonly #limits: ExchangeLimits;
  readonly #sink: BodySink;
  #settle!: { resolve: (outcome: Outcome) => void; reject: (error: unknown) => void };
  #silence: NodeJS.Timeout;
  #isOver = false;
  #isOpened = false;
  #isFinite = false;
  #contentType = '';
  #earlyHeads = 0;
  /** The first bytes, until there are enough to tell whether they are text; undefined from then on. */
  #beginning: Buffer | undefined = Buffer.alloc(0);

  constructor(limits: ExchangeLimits, sink: BodySink) {
    this.#limits = limits;
    this.#sink = sink;
    this.outcome = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#silence = this.#expect(limits.answerMs, 'The source did not answer in time.');
  }

  /** Ends it from our side. */
  fail(error: unknown): void {
    if (this.close()) this.#settle.reject(error);
  }

  /** Stops its clock; nothing reaches the sink any more. @returns false when it was closed before */
  close(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#silence);
    return true;
  }

  // undici tells this kind of handler from an older one by this method.
  onRequestStart(): void {}

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) {
      if (++this.#earlyHeads <= MAX_EARLY_HEADS) return;
      throw new SluiceError('source_bad_answer', 'The source goes on announcing an answer without giving one.');
    }
    const head = readHead(status, headers);
    switch (head.kind) {
      case 'redirect':
        this.close();
        this.#settle.resolve(head);
        controller.abort(new Error('redirected')); // The body may be endless.
        break;
      case 'body':
        this.#isOpened = true;
        this.#isFinite = head.isFinite;
        this.#contentType = head.contentType;
        clearTimeout(this.#silence);
        this.#silence = this.#expect(this.#limits.stallMs, 'The source stopped sending.');
        break;
      default:
        head satisfies never;
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#silence.refresh();
    if (this.#beginning === undefined) {
      this.#sink.data(chunk);
      return;
    }
    this.#beginning = Buffer.concat([this.#beginning, chunk]);
    if (this.#beginning.length >= SNIFFED_BYTES) this.#judgeBeginning(this.#beginning);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    if (this.#beginning !== undefined && this.#beginning.length > 0) this.#judgeBeginning(this.#beginning);
    if (this.#isFinite && this.close()) this.#settle.resolve({ kind: 'complete' });
    else this.fail(new SluiceError('source_ended', 'The source ended the stream.'));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.fail(transportError(error, this.#isOpened));
  }

  #judgeBeginning(beginning: Buffer): void {
    this.#beginning = undefined;
    if (looksLikeText(beginning.subarray(0, SNIFFED_BYTES)))
      throw new SluiceError('source_not_stream', 'The source answered with text instead of a stream.');
    this.#sink.opened(this.#contentType);
    this.#sink.data(beginning);
  }

  #expect(withinMs: number, otherwise: string): NodeJS.Timeout {
    return setTimeout(() => this.fail(new SluiceError('source_stalled', otherwise)), withinMs);
  }
}
