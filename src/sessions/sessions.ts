import type { Socket } from 'node:net';
import { type Account, standingOf } from '../accounts/account.ts';
import type { AccountEvent } from '../accounts/accounts.ts';
import { SluiceError } from '../shared/errors.ts';
import type { DetachReason, EndReason } from '../shared/protocol.ts';
import type { ReaderTable } from '../shared/reader-table.ts';
import type { StreamSpec } from '../shared/stream-spec.ts';
import type { Viewer, Viewers } from '../viewers/viewers.ts';
import { type EndedSession, fits, LiveSession, nearest, type Session, type SessionFilter } from './session.ts';

/** What happens when an account opens more sessions than it may. */
export const SESSION_POLICIES = ['end-oldest', 'refuse'] as const;
/** One of {@link SESSION_POLICIES}. */
export type SessionPolicy = (typeof SESSION_POLICIES)[number];

/** A player that tunes in opens up to six connections (xtream-api 10); those that come this fast are one session. */
const GRACE_MS = 3_000;
/** Or else one device could open any number in a row. */
const MAX_CONNECTIONS = 8;
const MAX_HISTORY = 1_000;
/** How often it is looked whose account has expired. */
const EXPIRY_CHECK_MS = 10_000;

/** A request that will be watching. Whoever asks has checked password, standing, channel and format. */
export interface SessionRequest {
  account: Account;
  channelId: number;
  channelName: string;
  format: 'ts';
  stream: StreamSpec;
  socket: Socket;
  address: string;
  userAgent: string;
}

/** What is told about sessions. */
export interface SessionEvents {
  sessionStarted(session: Session): void;
  sessionEnded(session: EndedSession): void;
}

/** What {@link Sessions} work with. */
export interface SessionParts {
  viewers: Pick<Viewers, 'assertRoom' | 'admit' | 'end'>;
  table: ReaderTable;
  policy: SessionPolicy;
  events: SessionEvents;
  /** Monotonic milliseconds. */
  now?: () => number;
  /** Unix milliseconds. */
  wallClock?: () => number;
}

/** Who of the viewers with an account watches what. */
export class Sessions {
  readonly #viewers: SessionParts['viewers'];
  readonly #table: ReaderTable;
  readonly #policy: SessionPolicy;
  readonly #events: SessionEvents;
  readonly #now: () => number;
  readonly #wallClock: () => number;
  /** Those that count: neither over nor sent away. */
  readonly #live = new Map<number, LiveSession>();
  readonly #byAccount = new Map<number, Set<LiveSession>>();
  /** Every connection's session, also of those that were sent away. */
  readonly #byViewer = new Map<number, LiveSession>();
  /** Newest last. */
  readonly #ended: EndedSession[] = [];
  readonly #expiry: NodeJS.Timeout;
  #nextId = 1;

  constructor({ viewers, table, policy, events, now, wallClock }: SessionParts) {
    this.#viewers = viewers;
    this.#table = table;
    this.#policy = policy;
    this.#events = events;
    this.#now = now ?? (() => performance.now());
    this.#wallClock = wallClock ?? Date.now;
    this.#expiry = setInterval(() => this.endExpired(), EXPIRY_CHECK_MS).unref();
  }

  /** How many there are. */
  get count(): number {
    return this.#live.size;
  }

  /** How many an account has. */
  activeOf(accountId: number): number {
    return this.#byAccount.get(accountId)?.size ?? 0;
  }

  /**
   * Makes a request a viewer, in a session of its own or in that of the same device and channel which has only just
   * begun. Others of the account make room.
   * @throws SluiceError `viewers_full`; `sessions_full` where the policy is to refuse
   */
  begin(request: SessionRequest): Session {
    this.#viewers.assertRoom(); // Nobody shall be sent away for somebody who can't come in.
    const { account, channelId, channelName, stream, socket, address, userAgent } = request;
    const own = this.#byAccount.get(account.id) ?? new Set();
    const begun = [...own].find(
      session =>
        session.distanceTo(request) === 0 &&
        this.#now() - session.newestMs < GRACE_MS &&
        session.viewers.size < MAX_CONNECTIONS,
    );
    // The old ones go before the new one comes, so that their streams can make room at an engine, too.
    if (begun === undefined) this.#makeRoom(request, own);
    const play = {
      account: { id: account.id, username: account.username },
      channel: { id: channelId, name: channelName },
    };
    const viewer = this.#viewers.admit(socket, { stream, address, userAgent, play });
    const session = begun ?? this.#open(request);
    session.newestMs = this.#now();
    session.viewers.set(viewer.id, viewer);
    this.#byViewer.set(viewer.id, session);
    const snapshot = session.snapshot();
    if (begun === undefined) this.#events.sessionStarted(snapshot);
    return snapshot;
  }

  /** Sessions that count, in order of their beginning. */
  list(filter: SessionFilter = {}): Session[] {
    return [...this.#live.values()].map(session => session.snapshot()).filter(session => fits(session, filter));
  }

  /** The session with this id, while it counts. */
  get(id: number): Session | undefined {
    return this.#live.get(id)?.snapshot();
  }

  /** Sessions that are over, the last one first. */
  history(filter: SessionFilter = {}, limit = MAX_HISTORY): EndedSession[] {
    return this.#ended
      .filter(session => fits(session, filter))
      .reverse()
      .slice(0, limit);
  }

  /** Ends a session: it does not count any more, and its connections are closed. @returns whether there was one */
  end(id: number, reason: EndReason = 'kicked'): boolean {
    const session = this.#live.get(id);
    if (session === undefined) return false;
    session.ending = reason;
    this.#uncount(session);
    for (const viewerId of session.viewers.keys()) this.#viewers.end(viewerId, reason);
    return true;
  }

  /** Ends all sessions of an account. @returns how many */
  endAllOf(accountId: number, reason: EndReason = 'kicked'): number {
    const own = [...(this.#byAccount.get(accountId) ?? [])];
    for (const { id } of own) this.end(id, reason);
    return own.length;
  }

  /** An account was changed or removed: whoever may not watch any more is sent away. */
  accountChanged({ id, account }: AccountEvent): void {
    for (const session of this.#byAccount.get(id) ?? []) if (account !== undefined) session.account = account;
    if (account === undefined) this.endAllOf(id, 'account-closed');
    else this.endExpired();
  }

  /** Sends away whose account has come to its end. */
  endExpired(): void {
    const nowS = this.#wallClock() / 1000;
    for (const { id, account } of [...this.#live.values()])
      if (standingOf(account, nowS) !== 'active') this.end(id, 'account-closed');
  }

  /** A viewer is gone, whoever it was; its row in the table still says what it had. */
  viewerLeft(viewer: Viewer, reason: DetachReason): void {
    const session = this.#byViewer.get(viewer.id);
    if (session === undefined) return;
    this.#byViewer.delete(viewer.id);
    session.left(viewer);
    if (session.viewers.size > 0) return;
    this.#uncount(session);
    const { connections, lagBytes, ...facts } = session.snapshot();
    const endedAtMs = this.#wallClock();
    const seconds = Math.max(0, (endedAtMs - facts.startedAtMs) / 1000);
    const ended = { ...facts, endedAtMs, seconds, reason: session.ending ?? reason };
    this.#ended.push(ended);
    if (this.#ended.length > MAX_HISTORY) this.#ended.shift();
    this.#events.sessionEnded(ended);
  }

  /** Looks after nobody any more. */
  close(): void {
    clearInterval(this.#expiry);
  }

  #makeRoom(request: SessionRequest, own: ReadonlySet<LiveSession>): void {
    const { maxConnections } = request.account;
    const surplus = own.size + 1 - maxConnections;
    if (maxConnections === 0 || surplus <= 0) return;
    // A player that changes channels opens the new one before it closes the old one, and must never be refused that.
    const mayGo = this.#policy === 'refuse' ? [...own].filter(session => session.isOn(request)) : own;
    const going = nearest(mayGo, request, surplus);
    if (going.length < surplus)
      throw new SluiceError('sessions_full', `The account has ${own.size} sessions, and may have ${maxConnections}.`);
    for (const session of going) this.end(session.id, session.isOn(request) ? 'replaced' : 'limit');
  }

  #open({ account, channelId, channelName, format, stream, address, userAgent }: SessionRequest): LiveSession {
    const id = this.#nextId++;
    const accountId = account.id;
    const startedAtMs = this.#wallClock();
    const facts = {
      id,
      accountId,
      channelId,
      channelName,
      format,
      stream: stream.key,
      address,
      userAgent,
      startedAtMs,
    };
    const session = new LiveSession(account, facts, this.#table);
    this.#live.set(id, session);
    const own = this.#byAccount.get(accountId) ?? new Set();
    this.#byAccount.set(accountId, own.add(session));
    return session;
  }

  #uncount(session: LiveSession): void {
    this.#live.delete(session.id);
    const own = this.#byAccount.get(session.account.id);
    own?.delete(session);
    if (own?.size === 0) this.#byAccount.delete(session.account.id);
  }
}
