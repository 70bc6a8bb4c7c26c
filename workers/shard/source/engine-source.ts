import { setTimeout as delay } from 'node:timers/promises';
import { EngineClient, type Playback, type StartOptions } from '../../../src/engine/engine-client.ts';
import type { EngineSession, EngineStat } from '../../../src/engine/engine-wire.ts';
import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
import type { Lease } from '../../../src/shared/protocol.ts';
import type { SourceSpec } from '../../../src/shared/stream-spec.ts';
import type { Leases } from './leases.ts';
import type { Feed, SourceSink } from './source.ts';
import { type StartLimits, StartWatch } from './start-watch.ts';

/** What an engine source reads. */
export type EngineSourceSpec = Extract<SourceSpec, { kind: 'engine' }>;

/** Time limits of an engine source. */
export interface EngineSourceLimits extends StartLimits {
  /** How long the engine may take to answer a start. */
  noResponseTimeoutMs: number;
  /** How long a running stream may bring no byte. */
  emptyTimeoutMs: number;
}

const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 1_000;
/** Polls without a usable answer after which playback is tried all the same. */
const BLIND_POLLS = 3;

/** Reads a content through an AceStream engine: lease, session, playback, stop. */
export class EngineSource implements Feed {
  readonly #spec: EngineSourceSpec;
  readonly #leases: Leases;
  readonly #limits: EngineSourceLimits;

  constructor(spec: EngineSourceSpec, leases: Leases, limits: EngineSourceLimits) {
    this.#spec = spec;
    this.#leases = leases;
    this.#limits = limits;
  }

  async run(signal: AbortSignal, sink: SourceSink): Promise<void> {
    const lease = await this.#lease(signal);
    if (lease === undefined) return;
    const client = new EngineClient(lease.engineUrl);
    let failure: ErrorCode | undefined;
    try {
      if (!signal.aborted) await this.#runSession(client, lease, signal, sink);
    } catch (error) {
      failure = SluiceError.from(error).code;
      throw error;
    } finally {
      await client.destroy();
      this.#leases.release(lease, failure);
    }
  }

  /** An engine; undefined when the signal fired while it was waited for. */
  async #lease(signal: AbortSignal): Promise<Lease | undefined> {
    const request = { content: this.#spec.content, avoid: [], waitMs: this.#limits.startTimeoutMs };
    try {
      return await this.#leases.acquire(request, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  async #runSession(client: EngineClient, lease: Lease, signal: AbortSignal, sink: SourceSink): Promise<void> {
    const watch = new StartWatch(this.#limits, performance.now());
    const session = await this.#start(client, lease, watch, sink);
    this.#leases.sessionOpened(lease, session);
    sink.event('session opened', { engine: lease.engineUrl, infohash: session.infohash });
    try {
      await untilFlowing(client, session, watch, signal);
      if (!signal.aborted) await this.#play(client, lease, session, watch, signal, sink);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      const stopped = await client.stop(session.commandPath);
      sink.event(stopped ? 'session stopped' : 'session not confirmed stopped', { engine: lease.engineUrl });
    }
  }

  /** People paste infohashes as ids; the engine then fails, and only asking again as infohash helps. */
  async #start(client: EngineClient, lease: Lease, watch: StartWatch, sink: SourceSink): Promise<EngineSession> {
    const { selector, options } = this.#spec;
    const ask = (extra: Pick<StartOptions, 'selector'>): Promise<EngineSession> => {
      const timeoutMs = Math.min(this.#limits.noResponseTimeoutMs, watch.remainingMs(performance.now()));
      if (timeoutMs === 0) return Promise.reject(watch.timeout());
      return client.start({ ...extra, options, pid: lease.pid, timeoutMs });
    };
    try {
      return await ask({ selector });
    } catch (error) {
      if (selector.kind !== 'content_id' || SluiceError.from(error).code !== 'content_not_found') throw error;
      sink.event('retrying id as infohash', { id: selector.value });
      return await ask({ selector: { kind: 'infohash', value: selector.value } });
    }
  }

  async #play(
    client: EngineClient,
    lease: Lease,
    session: EngineSession,
    watch: StartWatch,
    signal: AbortSignal,
    sink: SourceSink,
  ): Promise<void> {
    const opened = new AbortController();
    const either = AbortSignal.any([signal, opened.signal]);
    const firstByte = new AbortController();
    // The engine may hold the answer back for as long as it buffers, so its statistics decide when to give up.
    let startFailure: unknown;
    const watching = watchUntil(firstByte.signal, client, session, watch).catch((error: unknown) => {
      startFailure = error;
      opened.abort();
    });
    try {
      const playback = await client.openPlayback(session, either);
      sink.opened({ contentType: playback.contentType, infohash: session.infohash, origin: lease.engineUrl });
      await this.#read(playback, either, sink, () => {
        firstByte.abort();
        this.#leases.flowing(lease);
      });
    } catch (error) {
      throw startFailure ?? error;
    } finally {
      firstByte.abort();
      opened.abort();
      await watching;
    }
    if (startFailure !== undefined) throw startFailure;
  }

  /** Hands bytes on until the body ends; rejects when it breaks or stays silent. */
  async #read({ body }: Playback, signal: AbortSignal, sink: SourceSink, onFirstByte: () => void): Promise<void> {
    const { emptyTimeoutMs } = this.#limits;
    const silence = setTimeout(() => {
      body.destroy(new SluiceError('source_stalled', `The engine sent no byte for ${emptyTimeoutMs / 1000} s.`));
    }, emptyTimeoutMs);
    let first = true;
    try {
      await body.read(chunk => {
        if (first) onFirstByte();
        first = false;
        silence.refresh();
        sink.data(chunk);
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SluiceError) throw error;
      throw new SluiceError('source_ended', 'The engine cut the stream off.', { cause: error });
    } finally {
      clearTimeout(silence);
    }
  }
}

/** Polls statistics until data flows, or nothing can be learned from them. */
async function untilFlowing(
  client: EngineClient,
  session: EngineSession,
  watch: StartWatch,
  signal: AbortSignal,
): Promise<void> {
  let blind = 0;
  for (let pollMs = FIRST_POLL_MS; !signal.aborted; pollMs = Math.min(MAX_POLL_MS, pollMs * 2)) {
    const stat = await look(client, session);
    blind = stat === undefined ? blind + 1 : 0;
    if (watch.observe(stat, performance.now()) || blind === BLIND_POLLS) return;
    await delay(pollMs, undefined, { signal }).catch(() => {});
  }
}

/** Goes on looking until `done`; rejects when the start is to be given up. */
async function watchUntil(
  done: AbortSignal,
  client: EngineClient,
  session: EngineSession,
  watch: StartWatch,
): Promise<void> {
  for (;;) {
    const waitMs = Math.min(MAX_POLL_MS, watch.remainingMs(performance.now()));
    await delay(waitMs, undefined, { signal: done }).catch(() => {});
    if (done.aborted) return;
    if (watch.remainingMs(performance.now()) === 0) throw watch.timeout();
    watch.observe(await look(client, session), performance.now());
  }
}

/** The session's statistics; undefined when the engine gave none this time. A lost session is an error. */
async function look(client: EngineClient, session: EngineSession): Promise<EngineStat | undefined> {
  try {
    return await client.stat(session);
  } catch (error) {
    if (SluiceError.from(error).code === 'session_lost') throw error;
    return undefined;
  }
}
