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
  /** The present run, and what ends it. */
  #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(spec: HttpSourceSpec, { allowPrivateSources, httpTimeoutMs }: HttpSourceLimits) {
    this.#spec = spec;
    this.#client = new HttpClient({
      allowPrivate: allowPrivateSources,
      answerTimeoutMs: httpTimeoutMs,
      stallTimeoutMs: httpTimeoutMs,
    });
  }

  run(_how: 'start' | Rung, signal: AbortSignal, sink: SourceSink): Promise<void> {
    this.#ending = new AbortController();
    const running = this.#read(this.#ending, signal, sink);
    this.#running = running.catch(() => {}); // Whoever runs it gets the error.
    return running;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #read(ending: AbortController, signal: AbortSignal, sink: SourceSink): Promise<void> {
    // By hand, because AbortSignal.any() keeps something for each run as long as the longest-lived signal lasts.
    const end = (): void => ending.abort();
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      await this.#client.read(this.#spec, ending.signal, {
        opened: ({ contentType, host, redirects }) => {
          sink.event('source opened', { host, redirects });
          sink.opened({ contentType, origin: host, infohash: undefined });
        },
        data: chunk => sink.data(chunk),
      });
    } finally {
      signal.removeEventListener('abort', end);
    }
  }
}
