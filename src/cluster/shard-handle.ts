import { closeSync } from 'node:fs';
import { type Transferable, Worker } from 'node:worker_threads';
import type {
  AttachNotification,
  EndNotification,
  FrontNotification,
  FrontRequests,
  Lease,
  LeaseRequest,
  ShardBoot,
  ShardNotification,
  ShardRequests,
  ShardVitals,
  StreamSnapshot,
} from '../shared/protocol.ts';
import { ShardLink } from '../shared/shard-link.ts';
import { StateMachine, type Transitions } from '../shared/state-machine.ts';
import type { StreamKey } from '../shared/stream-spec.ts';

/** States of a shard as the front sees it. "died" is what nobody asked for; "closed" is what we did. */
export type ShardState = 'idle' | 'starting' | 'ready' | 'draining' | 'died' | 'closed';
type ShardEvent = 'start' | 'ready' | 'drain' | 'exit' | 'close';

/** The rules of {@link ShardState}; drawn in docs/lifecycle.md. */
export const SHARD_TRANSITIONS: Transitions<ShardState, ShardEvent> = {
  idle: { start: 'starting', close: 'closed' },
  starting: { ready: 'ready', exit: 'died', drain: 'draining', close: 'closed' },
  ready: { drain: 'draining', exit: 'died', close: 'closed' },
  draining: { ready: 'draining', exit: 'closed', close: 'closed' },
  died: { start: 'starting', close: 'closed', drain: 'closed' },
  closed: { close: 'closed', exit: 'closed' },
};

const WORKER = new URL('../../workers/shard.worker.js', import.meta.url);
const SNAPSHOT_TIMEOUT_MS = 500;
const CLOSE_STREAM_TIMEOUT_MS = 2_000;
/** An engine may take its time to stop a session. */
const END_LINGERING_TIMEOUT_MS = 10_000;

type FrontLink = ShardLink<FrontRequests, ShardRequests, FrontNotification, ShardNotification>;

/** What a shard's owner is told. */
export interface ShardEvents {
  /** The thread is up: send it its viewers. */
  ready(handle: ShardHandle): void;
  /** The thread ended without being asked. `booted` tells whether it had been ready. */
  died(handle: ShardHandle, cause: Error, booted: boolean): void;
  notification(handle: ShardHandle, notification: ShardNotification): void;
  lease(handle: ShardHandle, request: LeaseRequest): Promise<Lease>;
}

/** The front's proxy of one worker thread, through all its respawns. */
export class ShardHandle {
  readonly index: number;
  readonly #boot: ShardBoot;
  readonly #events: ShardEvents;
  readonly #createEpoll: (() => number) | undefined;
  readonly #machine: StateMachine<ShardState, ShardEvent>;
  #worker: Worker | undefined;
  #link: FrontLink | undefined;
  #epollFd: number | undefined;
  #exited: Promise<void> = Promise.resolve();

  /**
   * @param boot what the thread is born with
   * @param createEpoll makes the epoll descriptor of a thread that is handed sockets; the handle closes it
   */
  constructor(boot: Omit<ShardBoot, 'epollFd'>, createEpoll: (() => number) | undefined, events: ShardEvents) {
    this.index = boot.index;
    this.#boot = { ...boot, epollFd: undefined };
    this.#createEpoll = createEpoll;
    this.#events = events;
    this.#machine = new StateMachine(`shard ${boot.index}`, SHARD_TRANSITIONS, 'idle');
  }

  /** Current state. */
  get state(): ShardState {
    return this.#machine.state;
  }

  /** Starts a thread, the first or one that follows a dead one. */
  start(): void {
    this.#machine.send('start');
    this.#epollFd = this.#createEpoll?.();
    const workerData: ShardBoot = { ...this.#boot, epollFd: this.#epollFd };
    // Descriptors belong to the front: a dying thread must not close any, nor warn about those it never opened.
    const worker = new Worker(WORKER, { workerData, trackUnmanagedFds: false, name: `sluice-shard-${this.index}` });
    let cause = new Error('the thread ended by itself');
    let booted = false;
    this.#worker = worker;
    this.#link = new ShardLink(worker, { lease: request => this.#events.lease(this, request) }, notification => {
      if (notification.type !== 'ready') {
        this.#events.notification(this, notification);
        return;
      }
      booted = true;
      if (this.#machine.send('ready') === 'ready') this.#events.ready(this);
    });
    worker.on('error', error => {
      cause = error;
    });
    this.#exited = new Promise(resolve => {
      worker.on('exit', () => {
        this.#release('the shard ended');
        resolve();
        if (this.#machine.send('exit') === 'died') this.#events.died(this, cause, booted);
      });
    });
  }

  /** Gives the shard a viewer. */
  attach(attachment: AttachNotification, transfer: readonly Transferable[]): void {
    this.#link?.notify(attachment, transfer);
  }

  /** Tells the shard to send a viewer away. */
  end(notification: EndNotification): void {
    this.#link?.notify(notification);
  }

  /** Whether a thread may hold viewers' connections now. */
  get holdsViewers(): boolean {
    return this.state === 'ready' || this.state === 'draining';
  }

  /** The shard's streams; rejects when it does not answer in time. */
  streams(): Promise<StreamSnapshot[]> {
    return this.#ask('streams', link => link.request('streams', {}, SNAPSHOT_TIMEOUT_MS));
  }

  /** How the thread has been since it was last asked; rejects when it does not answer in time. */
  vitals(): Promise<ShardVitals> {
    return this.#ask('vitals', link => link.request('vitals', {}, SNAPSHOT_TIMEOUT_MS));
  }

  /** Ends a stream and sends its viewers away. @returns whether there was one */
  async closeStream(key: StreamKey): Promise<boolean> {
    const { closed } = await this.#ask('closeStream', link =>
      link.request('closeStream', { key }, CLOSE_STREAM_TIMEOUT_MS),
    );
    return closed;
  }

  /** Ends a stream that nobody watches any more. @returns whether there was one; its session is over then */
  async endLingering(): Promise<boolean> {
    const { ended } = await this.#ask('endLingering', link =>
      link.request('endLingering', {}, END_LINGERING_TIMEOUT_MS),
    );
    return ended;
  }

  /** Ends every stream in good order, then the thread; the thread ends in any case after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const answering = this.state === 'ready';
    if (this.#machine.can('drain')) this.#machine.send('drain');
    if (answering) await this.#link?.request('drain', {}, graceMs).catch(() => {});
    await this.close();
  }

  /** Ends the thread at once. Idempotent. */
  async close(): Promise<void> {
    this.#machine.send('close');
    await this.#worker?.terminate();
    await this.#exited;
  }

  /** Ends the thread as a crash would, for fault tests. */
  async kill(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask<T>(method: string, ask: (link: FrontLink) => Promise<T>): Promise<T> {
    return this.#link === undefined
      ? Promise.reject(new Error(`${method}: the shard is not running`))
      : ask(this.#link);
  }

  #release(because: string): void {
    this.#link?.close(because);
    this.#link = undefined;
    this.#worker = undefined;
    if (this.#epollFd !== undefined) closeSync(this.#epollFd);
    this.#epollFd = undefined;
  }
}
