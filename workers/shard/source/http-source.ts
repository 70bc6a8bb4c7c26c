import type { HttpSourceSpec } from '../../../src/shared/http-selection.ts';
import type { ShardSettings } from '../../../src/shared/protocol.ts';
import { HttpClient } from '../../../src/upstream/http-client.ts';
import type { Rung, Source, SourceSink } from './source.ts';

/** What an HTTP source may do, and how long it waits. */
export type HttpSourceLimits = Pick<ShardSettings, 'allowPrivateSources' | 'httpTimeoutMs'>;

/** Reads a stream that a server sends over plain HTTP. */
export class HttpSource implements Source {
  /** Every run opens a connection of its own, so there is nothing else to begin anew. */
  readonly rungs: readonly Rung[] = ['reopen'];
  readonly #spec: HttpSourceSpec;
  readonly #client: HttpClient;
  #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(spec: HttpSourceSpec, { allowPrivateSources, httpTimeoutMs }: HttpSourceLimits) {
    this.#spec = spec;
    this.#client = new HttpClient({
      allowPrivate: allowPrivateSources,
      answerTimeoutMs: httpTimeoutMs,
      stallTimeoutMs: httpTimeoutMs,
    });
  }

  run(how: 'start' | Rung, signal: AbortSignal, sink: SourceSink): Promise<void> {
    // It may have been closed because another source was read meanwhile.
    if (how === 'start') this.#closing = new AbortController();
    const running = this.#read(signal, sink);
    this.#running = running.catch(() => {}); // Whoever runs it gets the error.
    return running;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #read(signal: AbortSignal, sink: SourceSink): Promise<void> {
    // By hand, because AbortSignal.any() keeps something for each run as long as the longest-lived signal lasts.
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const signals = [signal, this.#closing.signal];
    for (const each of signals) each.addEventListener('abort', end);
    if (signals.some(({ aborted }) => aborted)) end();
    try {
      await this.#client.read(this.#spec, ending.signal, {
        opened: ({ contentType, host, redirects }) => {
          sink.event('source opened', { host, redirects });
          sink.opened({ contentType, origin: host, infohash: undefined });
        },
        data: chunk => sink.data(chunk),
      });
    } finally {
      for (const each of signals) each.removeEventListener('abort', end);
    }
  }
}
