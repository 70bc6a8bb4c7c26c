import type { Channel } from '../catalog/channel.ts';
import type { ShardPool } from '../cluster/shard-pool.ts';
import type { EnginePool } from '../engine/engine-pool.ts';
import type { Resolver } from '../engine/resolver.ts';
import { SluiceError } from '../shared/errors.ts';
import { type HttpSelection, httpStreamKey } from '../shared/http-selection.ts';
import type { StreamSnapshot } from '../shared/protocol.ts';
import type { ReaderTable } from '../shared/reader-table.ts';
import type { StreamAddress } from '../shared/stream-address.ts';
import { type Selection, type SourceSpec, type StreamKey, type StreamSpec, streamKey } from '../shared/stream-spec.ts';
import type { Viewers } from './viewers.ts';

/** One viewer, as administrators see it. */
export interface ClientInfo {
  reader: number;
  ip: string;
  user_agent: string;
  connected_at: string;
  transport: string;
  bytes: number;
  lag_bytes: number;
  skips: number;
}

/** Which streams there are, under which key a content is (or would be) shared, and who watches it. */
export class StreamDirectory {
  readonly #shards: ShardPool;
  readonly #engines: EnginePool;
  readonly #resolver: Resolver;
  readonly #viewers: Viewers;
  readonly #table: ReaderTable;
  readonly #httpUserAgent: string;

  /** @param httpUserAgent what HTTP sources of channels are asked with unless they set their own */
  constructor(
    shards: ShardPool,
    engines: EnginePool,
    resolver: Resolver,
    viewers: Viewers,
    table: ReaderTable,
    httpUserAgent: string,
  ) {
    this.#shards = shards;
    this.#engines = engines;
    this.#resolver = resolver;
    this.#viewers = viewers;
    this.#table = table;
    this.#httpUserAgent = httpUserAgent;
  }

  /** What it takes to open a selected content, under the key that all its viewers share. */
  async specFor(selection: Selection): Promise<StreamSpec> {
    const canonical = streamKey(selection, await this.#resolver.resolve(selection.selector));
    const key = this.#engines.leases.runningKey(canonical) ?? canonical;
    return { key, sources: [{ kind: 'engine', content: key, ...selection }] };
  }

  /** What it takes to open a selected source, under the key that all its viewers share. */
  httpSpecFor(selection: HttpSelection): StreamSpec {
    return { key: httpStreamKey(selection), sources: selection };
  }

  /**
   * What it takes to open a channel: its enabled sources, in order. Viewers of the first one by `/ace/getstream` or
   * `/http/getstream` share the stream.
   * @throws SluiceError `channel_without_source`
   */
  async channelSpecFor({ sources }: Pick<Channel, 'sources'>): Promise<StreamSpec> {
    const [first, ...alternates] = sources.filter(({ enabled }) => enabled).map(({ spec }) => spec);
    if (first === undefined)
      throw new SluiceError('channel_without_source', 'The channel has no source that is enabled.');
    // Only the first is worth waiting for an engine's answer; recovery does without it.
    const opened = await (first.kind === 'engine' ? this.specFor(first) : this.httpSpecFor([this.#httpSource(first)]));
    const others = alternates.map(spec => (spec.kind === 'engine' ? this.#unasked(spec) : this.#httpSource(spec)));
    return { key: opened.key, sources: distinct([...opened.sources, ...others]) };
  }

  /** An engine's source under the best name that is known without asking. */
  #unasked(selection: Selection): SourceSpec {
    const canonical = streamKey(selection, this.#resolver.cached(selection.selector));
    const content = this.#engines.leases.runningKey(canonical) ?? canonical;
    return { kind: 'engine', content, selector: selection.selector, options: selection.options };
  }

  #httpSource({ url, headers }: Extract<StreamAddress, { kind: 'http' }>): HttpSelection[number] {
    return { kind: 'http', url, headers: { 'User-Agent': this.#httpUserAgent, ...headers } };
  }

  /** All streams of all shards that answer in time. */
  async list(): Promise<StreamSnapshot[]> {
    const answers = await this.#shards.streams();
    return answers.flatMap(streams => streams ?? []);
  }

  /** The stream with this key, infohash, or content id. */
  async find(id: string): Promise<StreamSnapshot | undefined> {
    const hash = id.toLowerCase();
    const resolved = this.#resolver.cached({ kind: 'content_id', value: hash });
    const names = new Set<string | undefined>([id, hash]);
    if (resolved !== undefined) names.add(resolved);
    const streams = await this.list();
    return streams.find(
      ({ key, infohash }) => names.has(key) || names.has(key.split('?', 1)[0]) || names.has(infohash),
    );
  }

  /** Ends a stream. @returns whether there was one */
  close(key: StreamKey): Promise<boolean> {
    return this.#shards.handles[this.#shards.shardFor(key)]!.closeStream(key);
  }

  /** Who watches a stream. */
  clientsOf(key: StreamKey): ClientInfo[] {
    const clients: ClientInfo[] = [];
    for (const viewer of this.#viewers.list()) {
      if (viewer.stream.key !== key) continue;
      clients.push({
        reader: viewer.id,
        ip: viewer.address,
        user_agent: viewer.userAgent,
        connected_at: viewer.connectedAt.toISOString(),
        transport: viewer.transport,
        bytes: this.#table.bytes(viewer.slot),
        lag_bytes: this.#table.lagBytes(viewer.slot),
        skips: this.#table.skips(viewer.slot),
      });
    }
    return clients;
  }

  /** Bytes in and out since the process started. */
  totals(): { bytesIn: number; bytesOut: number } {
    let bytesIn = 0;
    let bytesOut = 0;
    for (const counters of this.#shards.counters) {
      bytesIn += counters.get('bytesIn');
      bytesOut += counters.get('bytesOut');
    }
    return { bytesIn, bytesOut };
  }
}

/** Without those that are another spelling of one before. */
function distinct(sources: readonly SourceSpec[]): SourceSpec[] {
  const seen = new Set<string>();
  return sources.filter(source => {
    const name = source.kind === 'engine' ? source.content : httpStreamKey([source]);
    return !seen.has(name) && seen.add(name);
  });
}
