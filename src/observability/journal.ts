import type { LoginFacts } from '../accounts/credentials.ts';
import type { Import, ImportRun } from '../catalog/import-store.ts';
import type { ImportEvents } from '../catalog/imports.ts';
import type { EngineStatus } from '../engine/engine-member.ts';
import type { EngineEvents } from '../engine/engine-pool.ts';
import type { GuideEvents } from '../guide/guide-events.ts';
import type { EndedSession, Session } from '../sessions/session.ts';
import type { SessionEvents } from '../sessions/sessions.ts';
import type { ErrorCode } from '../shared/errors.ts';
import type { DetachReason, ShardNotification } from '../shared/protocol.ts';
import type { Viewer } from '../viewers/viewers.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Writes down what happens: one log line and one count for each event. */
export class Journal implements EngineEvents, SessionEvents, ImportEvents, GuideEvents {
  readonly #log: Logger;
  readonly #metrics: Metrics;

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  /** A viewer was taken over from the HTTP server. */
  viewerAdmitted(viewer: Viewer): void {
    const { id: reader, stream, shard, address, userAgent, transport } = viewer;
    const facts = { stream: stream.key, reader, shard, address, userAgent, transport };
    this.#log.info({ ...facts, ...whose(viewer) }, 'client connected');
  }

  /** A viewer is gone. */
  viewerLeft(viewer: Viewer, reason: DetachReason, bytes: number, skips: number, readers: number): void {
    this.#metrics.readerDetached(reason);
    const { id: reader, stream, connectedAt } = viewer;
    const seconds = Math.round((Date.now() - connectedAt.getTime()) / 100) / 10;
    this.#log.info(
      { stream: stream.key, reader, reason, bytes, skips, seconds, ...whose(viewer) },
      `client removed, ${readers} remaining`,
    );
  }

  /** Somebody's password was looked at. */
  login({ result, address, username, worthALine }: LoginFacts): void {
    this.#metrics.login(result);
    if (!worthALine) return;
    const facts = { address, ...(username !== undefined && { account: username }) };
    switch (result) {
      case 'ok':
        this.#log.info(facts, 'account logged in');
        break;
      case 'refused':
        this.#log.warn(facts, 'login refused');
        break;
      case 'throttled':
        this.#log.warn(facts, 'too many failed logins; the address is refused for a while');
        break;
      case 'remembered':
        break;
      default:
        result satisfies never;
    }
  }

  sessionStarted({ id: session, username: account, channelName: channel, stream, address }: Session): void {
    this.#log.info({ session, account, channel, stream, address }, 'session started');
  }

  sessionEnded({ id: session, username, channelName, stream, address, ...rest }: EndedSession): void {
    this.#metrics.sessionEnded(rest.reason);
    const { reason, bytes, skips } = rest;
    const seconds = Math.round(rest.seconds * 10) / 10;
    const facts = { session, account: username, channel: channelName, stream, address, reason, bytes, skips, seconds };
    this.#log.info(facts, 'session ended');
  }

  /** Something happened in a shard. */
  shardNotification(shard: number, notification: ShardNotification): void {
    switch (notification.type) {
      case 'readerJoined': {
        const { key: stream, readerId: reader, waitedMs, readers } = notification;
        this.#metrics.readerJoined(waitedMs);
        const joinMs = Math.round(waitedMs * 10) / 10;
        this.#log.info({ stream, reader, joinMs }, `Stream ${stream} now has ${readers} client(s)`);
        break;
      }
      case 'readerSkipped': {
        const { key: stream, readerId: reader, bytes } = notification;
        this.#log.warn({ stream, reader, bytes }, 'slow client moved ahead');
        break;
      }
      case 'streamState': {
        const { key: stream, state, reason } = notification;
        const level = reason === undefined ? 'info' : 'warn';
        this.#log[level](
          { stream, shard, state, ...(reason && { reason: reason.code }) },
          reason?.message ?? `stream ${state}`,
        );
        break;
      }
      case 'streamInterrupted': {
        const { key: stream, failure } = notification;
        this.#metrics.streamInterrupted(failure.code);
        this.#log.warn({ stream, shard, reason: failure.code }, `stream interrupted: ${failure.message}`);
        break;
      }
      case 'streamRecovered': {
        const { key: stream, how, outageMs } = notification;
        this.#metrics.streamRecovered(how, outageMs);
        this.#log.info({ stream, shard, how, outageMs: Math.round(outageMs) }, 'stream recovered');
        break;
      }
      case 'streamEvent':
        this.#log.info({ stream: notification.key, ...notification.details }, notification.event);
        break;
      case 'ready':
      case 'readerDetached':
      case 'sessionOpened':
      case 'leaseFlowing':
      case 'leaseReturned':
        break; // Their owners act on them; what matters of it is written down elsewhere.
      default:
        notification satisfies never;
    }
  }

  /** A shard thread ended by itself. */
  shardDied(shard: number, cause: Error): void {
    this.#log.error({ shard, err: cause }, 'shard died; its viewers wait for the next one');
  }

  engineHealthChanged({ url, healthy, version, problem }: EngineStatus): void {
    if (healthy) this.#log.info({ engine: url, version }, 'engine is healthy');
    else this.#log.warn({ engine: url, problem }, 'engine is not healthy');
  }

  engineBreakerChanged({ url: engine, breaker }: EngineStatus, coolsInMs: number): void {
    switch (breaker) {
      case 'open':
        this.#log.warn(
          { engine, seconds: Math.round(coolsInMs / 100) / 10 },
          'engine keeps failing; it gets no streams',
        );
        break;
      case 'half_open':
        this.#log.info({ engine }, 'engine is tried with one stream');
        break;
      case 'closed':
        this.#log.info({ engine }, 'engine works again');
        break;
      default:
        breaker satisfies never;
    }
  }

  engineStateChanged({ url: engine, state, sessions }: EngineStatus): void {
    const takesStreams = state === 'enabled';
    this.#log.info(
      { engine, state, sessions },
      takesStreams ? 'engine takes new streams' : 'engine takes no new streams',
    );
  }

  leaseGranted({ place }: EngineStatus): void {
    this.#metrics.leaseGranted(place);
  }

  leaseFailed({ place }: EngineStatus, code: ErrorCode): void {
    this.#metrics.leaseFailed(place, code);
  }

  importFinished({ id, name, address }: Import, run: ImportRun, seconds: number): void {
    const { state, added, changed, removed, skipped, problem } = run;
    this.#metrics.importFinished(state, seconds);
    const about = { import: id, name, address, seconds: Math.round(seconds * 10) / 10 };
    if (state === 'failed') this.#log.warn({ ...about, problem }, 'import failed; the catalogue stays as it was');
    else if (state === 'unchanged') this.#log.info(about, 'import found its list unchanged');
    else this.#log.info({ ...about, added, changed, removed, skipped }, 'import done');
  }

  importCrashed({ id, name }: Import, cause: unknown): void {
    this.#log.error({ import: id, name, err: cause }, 'import crashed');
  }

  guideRead({ source, answer, ms }: Parameters<GuideEvents['guideRead']>[0]): void {
    this.#metrics.guideRan(answer.state);
    const { state, ...counts } = answer;
    const about = { guide: source.id, name: source.name, ...counts, seconds: Math.round(ms / 100) / 10 };
    this.#log.info(about, state === 'done' ? 'guide read' : 'guide found unchanged');
  }

  guideFailed({ source, failure, ms }: Parameters<GuideEvents['guideFailed']>[0]): void {
    this.#metrics.guideRan('failed');
    const about = { guide: source.id, name: source.name, reason: failure.code, seconds: Math.round(ms / 100) / 10 };
    const message = `guide could not be read, what is known of it stays: ${failure.message}`;
    if (failure.code === 'internal') this.#log.error({ ...about, err: failure.cause }, message);
    else this.#log.warn(about, message);
  }

  guideMatched({ channels, matched, manual, changed }: Parameters<GuideEvents['guideMatched']>[0]): void {
    this.#log.info({ channels, matched, manual, changed }, 'channels matched with guides');
  }

  guideBroken(error: unknown): void {
    this.#log.error({ err: error }, 'the guide failed in the background');
  }
}

/** Account and channel of a viewer who logged in, for a log line. */
function whose({ play }: Viewer): object {
  return play === undefined ? {} : { account: play.account.username, channel: play.channel.name };
}
