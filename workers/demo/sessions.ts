import type { Content } from './content.ts';
import type { Counts } from './counts.ts';
import type { EngineOptions } from './options.ts';
import { Session, type SessionEnd } from './session.ts';

/**
 * The sessions of an engine: one a content. The same player asking again gets the same session; another player takes
 * the content over, which ends the former session. A session nobody reads ends by itself.
 */
export class Sessions {
  readonly #byInfohash = new Map<string, Session>();
  readonly #options: EngineOptions;
  readonly #counts: Counts;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: EngineOptions, counts: Counts) {
    this.#options = options;
    this.#counts = counts;
    this.#sweeper = setInterval(() => this.#expire(), Math.min(1000, Math.max(10, options.idleExpiryMs / 4)));
    this.#sweeper.unref();
  }

  /** Starts a session for the player `pid`, or gives it the one it has. */
  start(content: Content, pid: string): Session {
    const current = this.#byInfohash.get(content.infohash);
    if (current?.pid === pid && current.content === content) {
      current.lastActivityMs = performance.now();
      return current;
    }
    if (current) {
      this.#counts.takeovers++;
      this.end(current, 'superseded');
    }
    if (this.#options.onePerPlayer)
      for (const other of this.list()) if (other.pid === pid) this.end(other, 'superseded');
    const slow = content.faults.take('slowStart');
    const session = new Session(content, pid, slow?.delayMs ?? this.#options.startWireMs * this.#options.timeScale);
    this.#byInfohash.set(content.infohash, session);
    this.#counts.sessionsStarted++;
    return session;
  }

  /** The running session of a content. */
  of(infohash: string): Session | undefined {
    return this.#byInfohash.get(infohash);
  }

  /** The running session behind the two last parts of a stat, command, event or playback URL. */
  find(infohash: string, key: string): Session | undefined {
    const session = this.of(infohash);
    return session?.key === key ? session : undefined;
  }

  /** Ends a session and its readers' bodies. */
  end(session: Session, reason: SessionEnd): void {
    if (session.ended) return;
    this.#byInfohash.delete(session.content.infohash);
    if (reason === 'stopped') this.#counts.sessionsStopped++;
    if (reason === 'expired') this.#counts.sessionsExpired++;
    session.end(reason);
  }

  /** Running sessions, oldest first. */
  list(): Session[] {
    return [...this.#byInfohash.values()];
  }

  /** Ends every session. */
  endAll(reason: SessionEnd): void {
    for (const session of this.list()) this.end(session, reason);
  }

  /** Ends every session and stops looking for idle ones. */
  close(): void {
    clearInterval(this.#sweeper);
    this.endAll('restart');
  }

  #expire(): void {
    const before = performance.now() - this.#options.idleExpiryMs;
    for (const session of this.list())
      if (session.readers.size === 0 && session.lastActivityMs < before) this.end(session, 'expired');
  }
}
