import { setTimeout as delay } from 'node:timers/promises';
import { Backoff } from '../shared/backoff.ts';
import type { Budget } from '../shared/budget.ts';
import type {
  Lease,
  LeaseRequest,
  ShardNotification,
  ShardSettings,
  ShardVitals,
  StreamSnapshot,
} from '../shared/protocol.ts';
import { type ReaderTable, ShardCounters } from '../shared/reader-table.ts';
import type { StreamKey } from '../shared/stream-spec.ts';
import { rendezvous } from './rendezvous.ts';
import { ShardHandle } from './shard-handle.ts';

const FIRST_RESPAWN_MS = 50;
const MAX_RESPAWN_MS = 10_000;
/** A shard that ran this long before it died is respawned without the delay its earlier deaths earned. */
const STABLE_AFTER_MS = 60_000;
/** Failed boots in a row after which the process gives up. */
const MAX_FAILED_BOOTS = 3;

/** What the owner of the shards is told. */
export interface ShardPoolEvents {
  /** A thread is up: send it its viewers. */
  ready(shard: number): void;
  /** A thread died; the next one starts when this settles. */
  died(shard: number, cause: Error): Promise<void>;
  /** A shard can't be brought up; the process should end. */
  failed(shard: number, cause: Error): void;
  notification(shard: number, notification: ShardNotification): void;
  lease(shard: number, request: LeaseRequest): Promise<Lease>;
}

/** Everything a {@link ShardPool} needs. */
export interface ShardPoolParts {
  shards: number;
  settings: ShardSettings;
  readers: ReaderTable;
  budget: Budget;
  /** Makes an epoll descriptor; undefined where sockets are relayed. */
  createEpoll: (() => number) | undefined;
  events: ShardPoolEvents;
}

interface Member {
  handle: ShardHandle;
  counters: ShardCounters;
  backoff: Backoff;
  failedBoots: number;
  readyAtMs: number;
}

/** The shards: which one serves which stream, and their lives after death. */
export class ShardPool {
  readonly #members: Member[];
  readonly #events: ShardPoolEvents;
  readonly #closing = new AbortController();
  #restarts = 0;
  #allReady: () => void = () => {};

  constructor({ shards, settings, readers, budget, createEpoll, events }: ShardPoolParts) {
    this.#events = events;
    this.#members = Array.from({ length: shards }, (_, index) => {
      const counters = new ShardCounters();
      const shared = { buffer: budget.buffer, limits: budget.limits };
      const boot = { index, settings, readers: readers.buffer, counters: counters.buffer, budget: shared };
      const handle = new ShardHandle(boot, createEpoll, {
        ready: () => this.#onReady(index),
        died: (_handle, cause, booted) => void this.#onDied(index, cause, booted),
        notification: (_handle, notification) => events.notification(index, notification),
        lease: (_handle, request) => events.lease(index, request),
      });
      const backoff = new Backoff(FIRST_RESPAWN_MS, MAX_RESPAWN_MS);
      return { handle, counters, backoff, failedBoots: 0, readyAtMs: 0 };
    });
  }

  /** Each shard's handle, by index. */
  get handles(): readonly ShardHandle[] {
    return this.#members.map(member => member.handle);
  }

  /** Each shard's totals, by index. */
  get counters(): readonly ShardCounters[] {
    return this.#members.map(member => member.counters);
  }

  /** Threads started after one died. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Whether every shard takes viewers. */
  get ready(): boolean {
    return this.#members.every(member => member.handle.state === 'ready');
  }

  /** Index of the shard that serves a stream. */
  shardFor(key: StreamKey): number {
    return rendezvous(key, this.#members.length);
  }

  /** Starts all shards. Settles when all are ready; never when one can't boot, `failed` tells then. */
  async start(): Promise<void> {
    const allReady = new Promise<void>(resolve => {
      this.#allReady = resolve;
    });
    for (const { handle } of this.#members) handle.start();
    await allReady;
  }

  /** Every shard's streams; undefined for a shard that did not answer in time. */
  streams(): Promise<(StreamSnapshot[] | undefined)[]> {
    return Promise.all(this.#members.map(({ handle }) => handle.streams().catch(() => undefined)));
  }

  /** How every thread has been since it was last asked; undefined for one that did not answer in time. */
  vitals(): Promise<(ShardVitals | undefined)[]> {
    return Promise.all(this.#members.map(({ handle }) => handle.vitals().catch(() => undefined)));
  }

  /** Ends one stream that nobody watches any more, to make room. @returns whether there was one */
  async endLingering(): Promise<boolean> {
    for (const { handle } of this.#members) if (await handle.endLingering().catch(() => false)) return true;
    return false;
  }

  /** Ends all shards, in good order within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#members.map(({ handle }) => handle.drain(graceMs)));
  }

  #onReady(index: number): void {
    const member = this.#members[index]!;
    member.failedBoots = 0;
    member.readyAtMs = performance.now();
    this.#events.ready(index);
    if (this.ready) this.#allReady();
  }

  async #onDied(index: number, cause: Error, booted: boolean): Promise<void> {
    const member = this.#members[index]!;
    const neverReady = member.readyAtMs === 0;
    if (!booted && (neverReady || ++member.failedBoots >= MAX_FAILED_BOOTS)) {
      this.#events.failed(index, cause);
      return;
    }
    if (booted && performance.now() - member.readyAtMs >= STABLE_AFTER_MS) member.backoff.reset();
    const { signal } = this.#closing;
    const cleanedUp = this.#events.died(index, cause);
    await delay(member.backoff.nextMs(), undefined, { signal }).catch(() => {});
    await cleanedUp;
    if (signal.aborted) return;
    this.#restarts++;
    member.handle.start();
  }
}
