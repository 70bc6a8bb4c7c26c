/** Reads documents, which end, from servers that may be anything; {@link HttpClient} reads streams, which do not. */
import { Client, type Dispatcher } from 'undici';
import { SluiceError } from '../shared/errors.ts';
import { AddressGuard, type Network, SYSTEM_NETWORK } from './address-guard.ts';
import type { HttpRequest } from './http-client.ts';
import { firstTarget, type HttpTarget, nextTarget } from './http-target.ts';
import { transportError } from './transport-error.ts';

const MAX_REDIRECTS = 5;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEAD_BYTES = 16 << 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What a client of documents may do, and how long things may take. */
export interface DocumentLimits {
  /** Whether servers on this machine and in private networks may be read. */
  allowPrivate: boolean;
  /** From sending a request to the head of its answer. */
  answerTimeoutMs: number;
  /** How long a body may bring no byte. */
  stallTimeoutMs: number;
  /** From the beginning, redirects included, to the last byte. */
  totalTimeoutMs: number;
}

/** An answer whose body has yet to be read. */
export interface OpenedDocument {
  /** The server says that it is what the request's conditions name; there is no body then. */
  readonly isUnchanged: boolean;
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** The bytes as they came, in whatever the server compressed them with. Its errors are coded. */
  readonly body: AsyncIterable<Buffer>;
}

/** Opens documents over HTTP. It keeps nothing open between two reads. */
export class DocumentClient {
  readonly #limits: DocumentLimits;
  readonly #network: Network;

  constructor(limits: DocumentLimits, network: Network = SYSTEM_NETWORK) {
    this.#limits = limits;
    this.#network = network;
  }

  /**
   * Opens a document and lets `use` read it; redirects are followed by hand, each hop checked anew. Whatever was opened
   * is closed when it settles.
   * @param request conditions such as If-None-Match belong to its headers
   * @throws SluiceError why there is no document, or whatever `use` throws
   */
  async read<Result>(
    request: HttpRequest,
    signal: AbortSignal,
    use: (document: OpenedDocument) => Promise<Result>,
  ): Promise<Result> {
    const deadline = AbortSignal.timeout(this.#limits.totalTimeoutMs);
    const either = AbortSignal.any([signal, deadline]);
    let refusePrivate = this.#limits.allowPrivate
      ? undefined
      : 'Sources at private addresses are not allowed (ALLOW_PRIVATE_SOURCES).';
    let target = firstTarget(request.url, { 'accept-encoding': 'gzip', ...request.headers });
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const guard = new AddressGuard(this.#network, refusePrivate);
      const client = this.#connect(target, guard, either);
      try {
        const answer = await this.#ask(client, target, either);
        if (!REDIRECTS.has(answer.statusCode)) return await use(opened(answer, either));
        target = nextTarget(target, header(answer, 'location') ?? '');
        // Strangers don't get to choose what is read from our own networks.
        if (guard.reachedPublic) refusePrivate ??= 'The source redirected from a public address to a private one.';
      } catch (error) {
        throw deadline.aborted ? new SluiceError('source_stalled', 'The source took too long.') : error;
      } finally {
        await client.destroy();
      }
    }
    throw new SluiceError('source_bad_answer', `The source redirected more than ${MAX_REDIRECTS} times.`);
  }

  #connect({ url }: HttpTarget, guard: AddressGuard, signal: AbortSignal): Client {
    guard.checkLiteral(url.hostname);
    return new Client(url.origin, {
      connect: { lookup: guard.lookup, timeout: CONNECT_TIMEOUT_MS, signal },
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: this.#limits.answerTimeoutMs,
      bodyTimeout: this.#limits.stallTimeoutMs,
    });
  }

  async #ask(client: Client, { url, headers }: HttpTarget, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      return await client.request({ method: 'GET', path: url.pathname + url.search, headers, signal, reset: true });
    } catch (error) {
      throw coded(error, false, signal);
    }
  }
}

function opened(answer: Dispatcher.ResponseData, signal: AbortSignal): OpenedDocument {
  const { statusCode: status } = answer;
  if (status !== 200 && status !== 304) throw refusal(status);
  const encoding = header(answer, 'content-encoding')?.toLowerCase() ?? 'identity';
  if (!['', 'identity', 'gzip', 'x-gzip'].includes(encoding))
    throw new SluiceError('source_bad_answer', 'The source answered in an encoding that it was not asked for.');
  return {
    isUnchanged: status === 304,
    etag: header(answer, 'etag') ?? null,
    lastModified: header(answer, 'last-modified') ?? null,
    body: codedBody(answer.body, signal),
  };
}

async function* codedBody(body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    throw coded(error, true, signal);
  }
}

function coded(error: unknown, isOpened: boolean, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const { code } = error as { code?: string };
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return new SluiceError(
      'source_stalled',
      isOpened ? 'The source stopped sending.' : 'The source did not answer in time.',
      { cause: error },
    );
  return transportError(error, isOpened);
}

function refusal(status: number): SluiceError {
  switch (status) {
    case 404:
    case 410:
      return new SluiceError('source_not_found', `The source has no such document (status ${status}).`);
    case 401:
    case 403:
      return new SluiceError('source_refused', `The source refused access (status ${status}).`);
    default:
      return new SluiceError('source_unavailable', `The source answered with status ${status}.`);
  }
}

function header({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
