/** Reads documents that have an end, such as lists of channels and programme guides, from servers that may be anything. */
import type { Readable } from 'node:stream';
import { Client } from 'undici';
import { SluiceError } from '../shared/errors.ts';
import { AddressGuard, type Network, SYSTEM_NETWORK } from './address-guard.ts';
import type { HttpClientLimits, HttpRequest } from './http-client.ts';
import { type AnswerHeaders, first, isRedirect, refusal } from './http-head.ts';
import { firstTarget, type HttpTarget, nextTarget } from './http-target.ts';
import { transportError } from './transport-error.ts';

const MAX_REDIRECTS = 5;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEAD_BYTES = 16 << 10;

/** A document as it comes. */
export interface HttpDocument {
  /** Ends with the document; it throws coded errors. gzip is not undone, because some servers don't announce it. */
  readonly body: AsyncIterable<Buffer>;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** Opens documents. It keeps nothing open between two reads. */
export class DocumentClient {
  readonly #limits: HttpClientLimits;
  readonly #network: Network;

  constructor(limits: HttpClientLimits, network: Network = SYSTEM_NETWORK) {
    this.#limits = limits;
    this.#network = network;
  }

  /**
   * Reads one document. Redirects are followed by hand, every hop is checked anew, and none leads from a public address
   * to a private one. The connection is closed when this settles.
   * @param use gets the document, or undefined when it has not changed since the request's `If-…` headers
   * @throws SluiceError why there is no document, and what `use` throws
   */
  async read<T>(
    request: HttpRequest,
    signal: AbortSignal,
    use: (document: HttpDocument | undefined) => Promise<T>,
  ): Promise<T> {
    let refusePrivate = this.#limits.allowPrivate ? undefined : 'Documents at private addresses are not allowed.';
    let target = firstTarget(request.url, request.headers);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const guard = new AddressGuard(this.#network, refusePrivate);
      const outcome = await this.#exchange(target, guard, signal, use);
      if ('result' in outcome) return outcome.result;
      target = nextTarget(target, outcome.location);
      if (guard.reachedPublic) refusePrivate ??= 'The source redirected from a public address to a private one.';
    }
    throw new SluiceError('source_bad_answer', `The source redirected more than ${MAX_REDIRECTS} times.`);
  }

  async #exchange<T>(
    { url, headers }: HttpTarget,
    guard: AddressGuard,
    signal: AbortSignal,
    use: (document: HttpDocument | undefined) => Promise<T>,
  ): Promise<{ result: T } | { location: string }> {
    guard.checkLiteral(url.hostname);
    const client = new Client(url.origin, {
      connect: { lookup: guard.lookup, timeout: CONNECT_TIMEOUT_MS },
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: this.#limits.answerTimeoutMs,
      bodyTimeout: this.#limits.stallTimeoutMs,
    });
    try {
      const answer = await client
        .request({
          method: 'GET',
          path: url.pathname + url.search,
          headers: { ...headers, 'accept-encoding': 'gzip' },
          reset: true,
          signal,
        })
        .catch((error: unknown) => {
          throw documentError(error, false);
        });
      answer.body.on('error', () => {}); // Whoever reads it hears of it; else it does not matter.
      const fields: AnswerHeaders = answer.headers;
      if (isRedirect(answer.statusCode)) return { location: first(fields.location) };
      if (answer.statusCode === 304) return { result: await use(undefined) };
      if (answer.statusCode !== 200) throw refusal(answer.statusCode);
      const body = coded(answer.body);
      return { result: await use({ body, etag: text(fields.etag), lastModified: text(fields['last-modified']) }) };
    } finally {
      await client.destroy();
    }
  }
}

async function* coded(body: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    throw documentError(error, true);
  }
}

function documentError(error: unknown, opened: boolean): unknown {
  const { code = '', name = '' } = error as { code?: string; name?: string };
  if (name === 'AbortError' || name === 'TimeoutError')
    return new SluiceError('source_stalled', 'Reading the source took too long.', { cause: error });
  if (/^UND_ERR_(HEADERS|BODY|CONNECT)_TIMEOUT$/.test(code))
    return new SluiceError('source_stalled', 'The source did not answer in time.', { cause: error });
  return transportError(error, opened);
}

/** A header that is worth keeping. */
function text(value: string | string[] | undefined): string | undefined {
  const kept = first(value);
  return kept === '' || kept.length > 512 ? undefined : kept;
}
