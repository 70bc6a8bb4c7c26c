/** What a session is, and which one has to go when an account has too many. */
import type { Account } from '../accounts/account.ts';
import type { DetachReason, EndReason } from '../shared/protocol.ts';
import type { ReaderTable } from '../shared/reader-table.ts';
import type { StreamKey } from '../shared/stream-spec.ts';
import type { Viewer } from '../viewers/viewers.ts';

/** One account watching one channel on one device. */
export interface Session {
  readonly id: number;
  readonly accountId: number;
  readonly username: string;
  readonly channelId: number;
  readonly channelName: string;
  readonly format: 'ts';
  readonly stream: StreamKey;
  readonly address: string;
  readonly userAgent: string;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  /** Connections that it consists of: players open several when they tune in. */
  readonly connections: number;
  /** Bytes sent, over all its connections. */
  readonly bytes: number;
  /** How far the connection that keeps up best is behind live. */
  readonly lagBytes: number;
  /** How often it was moved ahead. */
  readonly skips: number;
}

/** A session that is over. */
export interface EndedSession extends Omit<Session, 'connections' | 'lagBytes'> {
  /** Unix milliseconds. */
  readonly endedAtMs: number;
  readonly seconds: number;
  readonly reason: DetachReason;
}

/** What of sessions is looked at. */
export interface SessionFilter {
  accountId?: number | undefined;
  channelId?: number | undefined;
  address?: string | undefined;
}

/** Whether a session is among those that are looked at. */
export function fits(session: Pick<Session, keyof SessionFilter>, filter: SessionFilter): boolean {
  return (
    (filter.accountId === undefined || session.accountId === filter.accountId) &&
    (filter.channelId === undefined || session.channelId === filter.channelId) &&
    (filter.address === undefined || session.address === filter.address)
  );
}

/** What makes two requests come from one device, and ask for one channel. */
export type Ask = Pick<Session, 'channelId' | 'address' | 'userAgent'>;

/** What of a session does not change. */
export type SessionFacts = Omit<Session, 'username' | 'connections' | 'bytes' | 'lagBytes' | 'skips'>;

/** A session as its owner keeps it. */
export class LiveSession {
  readonly viewers = new Map<number, Viewer>();
  account: Account;
  /** When its newest connection came, on a monotonic clock. */
  newestMs = 0;
  /** Set when it was sent away; it no longer counts then. */
  ending: EndReason | undefined;
  readonly #facts: SessionFacts;
  readonly #table: ReaderTable;
  /** What connections that are closed have had. */
  #formerBytes = 0;
  #formerSkips = 0;

  constructor(account: Account, facts: SessionFacts, table: ReaderTable) {
    this.account = account;
    this.#facts = facts;
    this.#table = table;
  }

  get id(): number {
    return this.#facts.id;
  }

  /** Whether a request is of the device that this session is on. */
  isOn({ address, userAgent }: Ask): boolean {
    return this.#facts.address === address && this.#facts.userAgent === userAgent;
  }

  /** Whether a request is for the channel that this session shows. */
  shows({ channelId }: Ask): boolean {
    return this.#facts.channelId === channelId;
  }

  /** How near a request is to this session: 0 for the same device and channel, 3 for nothing in common. */
  distanceTo(ask: Ask): number {
    if (this.isOn(ask)) return this.shows(ask) ? 0 : 1;
    return this.#facts.address === ask.address ? 2 : 3;
  }

  /** A connection is over; its row in the table is about to be given to somebody else. */
  left(viewer: Viewer): void {
    this.viewers.delete(viewer.id);
    this.#formerBytes += this.#table.bytes(viewer.slot);
    this.#formerSkips += this.#table.skips(viewer.slot);
  }

  /** What it looks like now. */
  snapshot(): Session {
    const slots = [...this.viewers.values()].map(({ slot }) => slot);
    const sum = (what: (slot: number) => number): number => slots.reduce((total, slot) => total + what(slot), 0);
    return {
      ...this.#facts,
      username: this.account.username,
      connections: slots.length,
      bytes: this.#formerBytes + sum(slot => this.#table.bytes(slot)),
      lagBytes: slots.length === 0 ? 0 : Math.min(...slots.map(slot => this.#table.lagBytes(slot))),
      skips: this.#formerSkips + sum(slot => this.#table.skips(slot)),
    };
  }
}

/** The sessions that make room for a request: those nearest to it, of these the oldest. */
export function nearest(sessions: Iterable<LiveSession>, ask: Ask, count: number): LiveSession[] {
  return [...sessions].sort((a, b) => a.distanceTo(ask) - b.distanceTo(ask) || a.id - b.id).slice(0, count);
}
