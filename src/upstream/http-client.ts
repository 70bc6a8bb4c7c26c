/** Reads bodies that may never end from servers that may be anything. */
import { SluiceError } from '../shared/errors.ts';
import { AddressGuard, type Network, SYSTEM_NETWORK } from './address-guard.ts';
import { type BodySink, exchange } from './http-exchange.ts';
import { firstTarget, nextTarget } from './http-target.ts';

const MAX_REDIRECTS = 5;

/** What to read. */
export interface HttpRequest {
  /** Absolute http or https address; credentials in it become Basic authentication. */
  url: string;
  headers: Readonly<Record<string, string>>;
}

/** What a client may do, and how long things may take. */
export interface HttpClientLimits {
  /** Whether servers on this machine and in private networks may be read. */
  allowPrivate: boolean;
  /** From the beginning, redirects included, to the head of the answer. */
  answerTimeoutMs: number;
  /** How long a body may bring no byte. */
  stallTimeoutMs: number;
}

/** Takes what a client reads. */
export interface HttpSink {
  /** @param host the one that sends the body, with its port where that is unusual */
  opened(info: { contentType: string; host: string; redirects: number }): void;
  data: BodySink['data'];
}

/** Opens bodies over HTTP. It keeps nothing open between two reads. */
export class HttpClient {
  readonly #limits: HttpClientLimits;
  readonly #network: Network;

  constructor(limits: HttpClientLimits, network: Network = SYSTEM_NETWORK) {
    this.#limits = limits;
    this.#network = network;
  }

  /**
   * Reads one body, following redirects by hand: every hop is checked anew, and no body of a redirect is read. Whatever
   * was opened is closed when it settles.
   * @param signal ends the read; it then resolves
   * @returns when a body of known length came to its end
   * @throws SluiceError why there is no stream, or why it broke; any end without a known length is `source_ended`
   */
  async read(request: HttpRequest, signal: AbortSignal, sink: HttpSink): Promise<void> {
    const { allowPrivate, answerTimeoutMs, stallTimeoutMs: stallMs } = this.#limits;
    const answerByMs = performance.now() + answerTimeoutMs;
    let refusePrivate = allowPrivate
      ? undefined
      : 'Sources at private addresses are not allowed (ALLOW_PRIVATE_SOURCES).';
    let target = firstTarget(request.url, request.headers);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const { host } = target.url;
      const guard = new AddressGuard(this.#network, refusePrivate);
      const answerMs = Math.max(1, answerByMs - performance.now());
      const body: BodySink = {
        opened: contentType => sink.opened({ contentType, host, redirects }),
        data: chunk => sink.data(chunk),
      };
      const outcome = await exchange(target, guard, { answerMs, stallMs }, signal, body).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (outcome?.kind !== 'redirect') return;
      target = nextTarget(target, outcome.location);
      // Strangers don't get to choose what is read from our own networks.
      if (guard.reachedPublic) refusePrivate ??= 'The source redirected from a public address to a private one.';
    }
    throw new SluiceError('source_bad_answer', `The source redirected more than ${MAX_REDIRECTS} times.`);
  }
}
