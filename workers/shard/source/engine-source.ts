import { randomUUID } from 'node:crypto';
import { EngineClient } from '../../../src/engine/engine-client.ts';
import type { EngineSession } from '../../../src/engine/engine-wire.ts';
import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
import { pause } from '../../../src/shared/pause.ts';
import type { Lease } from '../../../src/shared/protocol.ts';
import type { ContentSelector, SourceSpec } from '../../../src/shared/stream-spec.ts';
import type { Leases } from './leases.ts';
import type { LiveLimits } from './live-watch.ts';
import { Reading, untilFlowing } from './reading.ts';
import { RUNGS, type Rung, type Source, type SourceSink } from './source.ts';
import { type StartLimits, StartWatch } from './start-watch.ts';

/** What an engine source reads. */
export type EngineSourceSpec = Extract<SourceSpec, { kind: 'engine' }>;

/** Time limits of an engine source. */
export interface EngineSourceLimits extends StartLimits, LiveLimits {
  /** How long the engine may take to answer a start. */
  noResponseTimeoutMs: number;
}

/** A content that was played before is known, so the engine answers quickly or not at all. */
const RESTART_RESPONSE_MS = 10_000;
/** How long an engine that is left may take to stop the session before another is asked. */
const LEAVE_MS = 1_000;

/** An engine that this source may use, and how to talk to it. */
interface Holding {
  readonly lease: Lease;
  readonly client: EngineClient;
  /** Player id for the next session. */
  pid: string;
  /** What went wrong with it last; undefined once bytes came. */
  failure: ErrorCode | undefined;
}

/**
 * What viewers have of a content: nothing yet, or they miss what they have seen (only such a one is begun twice), so that
 * engines that failed are worth another try; it is known once bytes came from here.
 */
type Standing = 'new' | 'begun' | 'missed' | 'known';
const AFTER_BEGIN: Readonly<Record<Standing, Standing>> = {
  new: 'begun',
  begun: 'missed',
  missed: 'missed',
  known: 'known',
};

/** Reads a content through an AceStream engine: lease, session, playback, stop. */
export class EngineSource implements Source {
  readonly rungs: readonly Rung[] = RUNGS;
  readonly #spec: EngineSourceSpec;
  readonly #leases: Leases;
  readonly #limits: EngineSourceLimits;
  /** The way of naming the content that the engine understood. */
  #selector: ContentSelector;
  #holding: Holding | undefined;
  #session: EngineSession | undefined;
  /** Engines that failed since bytes came last. */
  readonly #failed = new Set<string>();
  /** Engines that were left, until they have stopped the session or given up. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Why the latest run failed. */
  #failure: SluiceError | undefined;
  /** Whoever ran it last hears how its session ends, too. */
  #note: SourceSink['event'] = () => {};
  #standing: Standing = 'new';

  constructor(spec: EngineSourceSpec, leases: Leases, limits: EngineSourceLimits) {
    this.#spec = spec;
    this.#selector = spec.selector;
    this.#leases = leases;
    this.#limits = limits;
  }

  async run(how: 'start' | Rung, signal: AbortSignal, sink: SourceSink): Promise<void> {
    this.#note = (name, details) => sink.event(name, details);
    try {
      if (how === 'start') this.#begin();
      if (how === 'other-engine') await this.#leaveEngine();
      else if (how !== 'reopen') await this.#endSession();
      const watch = new StartWatch(this.#limits, performance.now());
      const holding = this.#holding ?? (await this.#takeEngine(signal));
      this.#holding = holding;
      if (signal.aborted) return;
      const session = this.#session ?? (await this.#openSession(holding, watch, sink));
      if (!signal.aborted) await untilFlowing(holding.client, session, watch, signal);
      if (!signal.aborted) await this.#play(holding, session, watch, signal, sink);
    } catch (error) {
      if (signal.aborted) return;
      this.#failure = SluiceError.from(error);
      if (this.#holding !== undefined) this.#holding.failure = this.#failure.code;
      throw error;
    }
  }

  #begin(): void {
    this.#failed.clear();
    this.#standing = AFTER_BEGIN[this.#standing];
  }

  async close(): Promise<void> {
    await this.#endSession();
    await this.#giveBack();
    await Promise.all(this.#leaving.values());
  }

  async #takeEngine(signal: AbortSignal): Promise<Holding> {
    const { content } = this.#spec;
    const avoid = [...this.#failed];
    // Else an engine that failed is not asked again, and its reason is what viewers are told.
    const onlyOthers = avoid.length > 0 && this.#standing === 'begun';
    const request = { content, avoid, onlyOthers, waitMs: this.#limits.startTimeoutMs };
    const lease = await this.#leases.acquire(request, signal).catch((error: unknown) => {
      throw (onlyOthers && this.#failure) || error; // It may have been cut short instead.
    });
    await this.#leaving.get(lease.engineUrl);
    return { lease, client: new EngineClient(lease.engineUrl), pid: lease.pid, failure: undefined };
  }

  /** Lets go of an engine that failed, and remembers it. Viewers don't wait for one that does not answer. */
  async #leaveEngine(): Promise<void> {
    const holding = this.#holding;
    if (holding === undefined) return;
    const { engineUrl } = holding.lease;
    this.#failed.add(engineUrl);
    const left = this.#endSession()
      .then(() => holding.client.destroy())
      .finally(() => this.#leaving.delete(engineUrl));
    this.#leaving.set(engineUrl, left);
    await briefly(left, LEAVE_MS);
    this.#holding = undefined;
    this.#leases.release(holding.lease, holding.failure);
  }

  async #giveBack(): Promise<void> {
    const holding = this.#holding;
    if (holding === undefined) return;
    this.#holding = undefined;
    await holding.client.destroy();
    this.#leases.release(holding.lease, holding.failure);
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const holding = this.#holding!;
    const { client, lease } = holding;
    const stopped = await client.stop(session.commandPath);
    // The same player would get the same session again (acestream-engine-api 7.2).
    if (!stopped) holding.pid = randomUUID();
    this.#note(stopped ? 'session stopped' : 'session not confirmed stopped', { engine: lease.engineUrl });
  }

  /** People paste infohashes as ids; the engine then fails, and only asking again as infohash helps. */
  async #openSession({ client, lease, pid }: Holding, watch: StartWatch, sink: SourceSink): Promise<EngineSession> {
    const { options } = this.#spec;
    const ask = (selector: ContentSelector): Promise<EngineSession> => {
      const longestMs = this.#standing === 'known' ? RESTART_RESPONSE_MS : Number.POSITIVE_INFINITY;
      const remainingMs = watch.remainingMs(performance.now());
      const timeoutMs = Math.min(this.#limits.noResponseTimeoutMs, longestMs, remainingMs);
      if (timeoutMs === 0) return Promise.reject(watch.timeout());
      return client.start({ selector, options, pid, timeoutMs });
    };
    const session = await ask(this.#selector).catch(async (error: unknown) => {
      const { kind, value } = this.#selector;
      if (kind !== 'content_id' || SluiceError.from(error).code !== 'content_not_found') throw error;
      sink.event('retrying id as infohash', { id: value });
      const infohash = { kind: 'infohash', value } as const;
      const found = await ask(infohash);
      this.#selector = infohash;
      return found;
    });
    this.#session = session;
    this.#leases.sessionOpened(lease, session);
    sink.event('session opened', { engine: lease.engineUrl, infohash: session.infohash });
    return session;
  }

  async #play(
    holding: Holding,
    session: EngineSession,
    start: StartWatch,
    signal: AbortSignal,
    sink: SourceSink,
  ): Promise<void> {
    const over = new AbortController();
    const onAbort = (): void => over.abort();
    signal.addEventListener('abort', onAbort);
    const reading = new Reading(this.#limits, start);
    // The engine may hold the answer back for as long as it buffers, so its statistics decide when to give up.
    const verdict = reading.judge(holding.client, session, over.signal).finally(() => over.abort());
    try {
      const playback = await holding.client.openPlayback(session, over.signal);
      const { contentType } = playback;
      sink.opened({ contentType, infohash: session.infohash, origin: holding.lease.engineUrl });
      await playback.body.read(chunk => {
        if (reading.flowedAt(performance.now())) this.#flowing(holding);
        sink.data(chunk);
      });
      if (session.isLive) throw new SluiceError('source_ended', 'The engine ended the stream.');
    } catch (error) {
      throw (over.signal.aborted && !signal.aborted && (await verdict)) || cutOff(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      over.abort();
      await verdict;
    }
  }

  #flowing(holding: Holding): void {
    this.#standing = 'known';
    this.#failed.clear();
    holding.failure = undefined;
    this.#leases.flowing(holding.lease);
  }
}

/** Only what comes from the connection says that the engine did it; anything else is a bug of ours. */
function cutOff(error: unknown): unknown {
  const { code, name } = error as { code?: unknown; name?: string };
  if (error instanceof SluiceError || (typeof code !== 'string' && name !== 'HTTPParserError')) return error;
  return new SluiceError('source_ended', 'The engine cut the stream off.', { cause: error });
}

/** Waits for something, but no longer than that. */
async function briefly(work: Promise<void>, ms: number): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([work, pause(ms, waiting.signal)]);
  waiting.abort();
}
