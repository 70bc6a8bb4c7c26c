import type { Socket } from 'node:net';
import type { Account } from '../../../src/accounts/account.ts';
import { type SessionPolicy, Sessions } from '../../../src/sessions/sessions.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { DetachReason, EndReason } from '../../../src/shared/protocol.ts';
import { ReaderTable } from '../../../src/shared/reader-table.ts';
import type { Admission, Viewer } from '../../../src/viewers/viewers.ts';

/** A request as a test says it. */
export interface Ask {
  account?: Partial<Account>;
  channel?: number;
  address?: string;
  agent?: string;
}

/** An account that may have one session. */
export function accountOf(change: Partial<Account> = {}): Account {
  return {
    id: 1,
    username: 'alice',
    status: 'active',
    expiresAt: null,
    maxConnections: 1,
    isTrial: false,
    formats: ['ts'],
    categoryIds: null,
    notes: '',
    createdAt: 0,
    lastLoginAt: null,
    version: 1,
    ...change,
  };
}

/** Sessions over viewers that the test lets leave. */
export class SessionRig {
  nowMs = 100_000;
  readonly table = new ReaderTable(64);
  readonly viewers = new Map<number, Viewer>();
  /** Viewers that were sent away and have not gone yet: `id reason`. */
  readonly sentAway: string[] = [];
  readonly said: string[] = [];
  full = false;
  #lastId = 0;
  readonly sessions: Sessions;

  constructor(policy: SessionPolicy = 'end-oldest') {
    this.sessions = new Sessions({
      viewers: {
        assertRoom: () => {
          if (this.full) throw new SluiceError('viewers_full', 'Full.');
        },
        admit: (_socket, admission) => this.#admit(admission),
        end: (id, reason) => void this.sentAway.push(`${id} ${reason}`),
      },
      table: this.table,
      policy,
      events: {
        sessionStarted: ({ id, channelId }) => this.said.push(`${id} shows ${channelId}`),
        sessionEnded: ({ id, reason, bytes, seconds }) => this.said.push(`${id} ${reason} ${bytes} B ${seconds} s`),
      },
      now: () => this.nowMs,
      wallClock: () => this.nowMs,
    });
  }

  /** Begins to watch. @returns the session's id */
  watch({ account, channel = 1, address = '192.0.2.1', agent = 'tv' }: Ask = {}): number {
    const { id } = this.sessions.begin({
      account: accountOf(account),
      channelId: channel,
      channelName: `Channel ${channel}`,
      format: 'ts',
      stream: { key: `stream-${channel}`, sources: [] },
      socket: {} as Socket,
      address,
      userAgent: agent,
    });
    return id;
  }

  /** The newest viewer's id. */
  get newest(): number {
    return this.#lastId;
  }

  /** A viewer is gone. */
  leave(id: number, reason: DetachReason = 'client-gone'): void {
    const viewer = this.viewers.get(id)!;
    this.viewers.delete(id);
    this.sessions.viewerLeft(viewer, reason);
  }

  /** All viewers that were sent away are gone. */
  settle(): void {
    for (const line of this.sentAway.splice(0)) {
      const [id, reason] = line.split(' ');
      this.leave(Number(id), reason as EndReason);
    }
  }

  /** Ids of the sessions that count. */
  get counted(): number[] {
    return this.sessions.list().map(({ id }) => id);
  }

  #admit({ stream, address, userAgent, play }: Admission): Viewer {
    const id = ++this.#lastId;
    const slot = id % this.table.capacity;
    this.table.clear(slot);
    const viewer: Viewer = {
      id,
      slot,
      stream,
      shard: 0,
      address,
      userAgent,
      connectedAt: new Date(this.nowMs),
      transport: 'relay',
      play,
    };
    this.viewers.set(id, viewer);
    return viewer;
  }
}
