import type { EngineClient, Playback } from '../../../src/engine/engine-client.ts';
import type { EngineSession, EngineStat } from '../../../src/engine/engine-wire.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { pause } from '../../../src/shared/pause.ts';
import { type LiveLimits, LiveWatch } from './live-watch.ts';
import type { StartWatch } from './start-watch.ts';

const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 1_000;
/** Looks at a session that flows; they also keep it from expiring (acestream-engine-api 6.1). */
const LIVE_POLL_MS = 5_000;
/** Polls without a usable answer after which playback is tried all the same. */
const BLIND_POLLS = 3;

/** One reading of a session's playback, watched by its statistics: the start's until the first byte, then the stream's. */
export class Reading {
  readonly #limits: LiveLimits;
  readonly #start: StartWatch;
  #live: LiveWatch | undefined;

  constructor(limits: LiveLimits, start: StartWatch) {
    this.#limits = limits;
    this.#start = start;
  }

  /** Bytes came. @returns whether they were the first */
  flowedAt(nowMs: number): boolean {
    this.#live?.flowed(nowMs);
    if (this.#live !== undefined) return false;
    this.#live = new LiveWatch(this.#limits, nowMs);
    return true;
  }

  read(playback: Playback, onData: (chunk: Buffer) => void): Promise<void> {
    return playback.body.read(onData);
  }

  /** Looks at the session until there is a reason to end the reading, or `over` fires. */
  async judge(client: EngineClient, session: EngineSession, over: AbortSignal): Promise<SluiceError | undefined> {
    let failure: SluiceError | undefined;
    while (failure === undefined) {
      await pause(this.#pauseMs(performance.now()), over);
      if (over.aborted) return undefined;
      failure = await this.#look(client, session);
    }
    return failure;
  }

  #pauseMs(nowMs: number): number {
    if (this.#live === undefined) return Math.min(MAX_POLL_MS, this.#start.remainingMs(nowMs));
    return Math.min(this.#live.isSilent(nowMs) ? MAX_POLL_MS : LIVE_POLL_MS, this.#limits.stallTimeoutMs / 2);
  }

  async #look(client: EngineClient, session: EngineSession): Promise<SluiceError | undefined> {
    try {
      const starting = this.#live === undefined;
      if (starting && this.#start.remainingMs(performance.now()) === 0) return this.#start.timeout();
      const stat = await look(client, session);
      if (this.#live !== undefined) return this.#live.observe(stat, performance.now());
      this.#start.observe(stat, performance.now());
      return undefined;
    } catch (error) {
      return SluiceError.from(error);
    }
  }
}

/**
 * Polls statistics until data flows, or nothing can be learned from them.
 * @throws SluiceError why it never will: the watch's reason, a lost session, or an engine that answers nothing at all
 */
export async function untilFlowing(
  client: EngineClient,
  session: EngineSession,
  watch: StartWatch,
  signal: AbortSignal,
): Promise<void> {
  let blind = 0;
  for (let pollMs = FIRST_POLL_MS; !signal.aborted; pollMs = Math.min(MAX_POLL_MS, pollMs * 2)) {
    const stat = await look(client, session);
    blind = stat === undefined ? blind + 1 : 0;
    // Statistics that don't come are one thing, an engine that is gone is another.
    if (stat === undefined && !signal.aborted) await client.version();
    if (watch.observe(stat, performance.now()) || blind === BLIND_POLLS) return;
    await pause(pollMs, signal);
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
