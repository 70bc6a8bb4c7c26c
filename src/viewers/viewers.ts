import type { Socket } from 'node:net';
import type { ShardPool } from '../cluster/shard-pool.ts';
import { SluiceError } from '../shared/errors.ts';
import type { DetachReason, EndReason } from '../shared/protocol.ts';
import type { ReaderTable } from '../shared/reader-table.ts';
import type { StreamSpec } from '../shared/stream-spec.ts';
import type { Connection, TakeOver, Transport } from './handoff.ts';

/** Who watches which channel, for viewers who logged in. */
export interface Play {
  readonly account: { readonly id: number; readonly username: string };
  readonly channel: { readonly id: number; readonly name: string };
}

/** What the front knows about somebody who watches. */
export interface Viewer {
  readonly id: number;
  /** Row in the reader table. */
  readonly slot: number;
  readonly stream: StreamSpec;
  readonly shard: number;
  readonly address: string;
  readonly userAgent: string;
  readonly connectedAt: Date;
  readonly transport: Transport;
  /** Undefined for viewers without an account. */
  readonly play: Play | undefined;
}

/** What a request says about the viewer it will become. */
export type Admission = Pick<Viewer, 'stream' | 'address' | 'userAgent'> & { play?: Play };

interface Attached extends Viewer {
  readonly connection: Connection;
  /** Set when the front has sent it away and no shard has confirmed that yet. */
  ending: EndReason | undefined;
}

/** What the owner of the viewers is told. */
export interface ViewerEvents {
  admitted(viewer: Viewer): void;
  /** @param reason the one reason why this viewer is no longer there */
  left(viewer: Viewer, reason: DetachReason, readers: number): void;
}

/**
 * Everybody who watches, from the moment their socket leaves the HTTP server until a shard reports them detached. A
 * shard only borrows the connections: when it dies, its successor gets them again.
 */
export class Viewers {
  readonly #shards: ShardPool;
  readonly #table: ReaderTable;
  readonly #takeOver: TakeOver;
  readonly #events: ViewerEvents;
  readonly #viewers = new Map<number, Attached>();
  readonly #freeSlots: number[];
  #nextId = 1;

  constructor(shards: ShardPool, table: ReaderTable, takeOver: TakeOver, events: ViewerEvents) {
    this.#shards = shards;
    this.#table = table;
    this.#takeOver = takeOver;
    this.#events = events;
    this.#freeSlots = Array.from({ length: table.capacity }, (_, i) => table.capacity - 1 - i);
  }

  /** How many there are. */
  get count(): number {
    return this.#viewers.size;
  }

  /** All of them, in order of arrival. */
  list(): Iterable<Viewer> {
    return this.#viewers.values();
  }

  /** @throws SluiceError `viewers_full` when nobody else fits */
  assertRoom(): void {
    if (this.#freeSlots.length === 0)
      throw new SluiceError('viewers_full', 'The gateway already has as many viewers as it may (MAX_VIEWERS).');
  }

  /**
   * Makes the client behind `socket` a viewer; from then on a shard answers it.
   * @throws SluiceError `viewers_full`
   */
  admit(socket: Socket, { stream, address, userAgent, play }: Admission): Viewer {
    this.assertRoom();
    const slot = this.#freeSlots.pop()!;
    const id = this.#nextId++;
    this.#table.clear(slot);
    let connection: Connection;
    try {
      connection = this.#takeOver(socket, () => this.detached(id, 'client-gone', 0));
    } catch (error) {
      this.#freeSlots.push(slot);
      throw error;
    }
    const shard = this.#shards.shardFor(stream.key);
    const { transport } = connection;
    const connectedAt = new Date();
    const facts: Viewer = { id, slot, stream, shard, address, userAgent, connectedAt, transport, play };
    const viewer: Attached = { ...facts, connection, ending: undefined };
    this.#viewers.set(id, viewer);
    this.#events.admitted(viewer);
    // A shard that is being respawned gets its viewers when it is ready.
    if (this.#shards.handles[shard]!.state === 'ready') this.#attach(viewer);
    return viewer;
  }

  /** Sends a viewer away; one who is gone already is no mistake. */
  end(id: number, reason: EndReason): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined || viewer.ending !== undefined) return;
    viewer.ending = reason;
    const handle = this.#shards.handles[viewer.shard]!;
    // While a thread has the descriptor, it is closed only when that thread has let go of it.
    if (handle.holdsViewers) handle.end({ type: 'end', readerId: id, key: viewer.stream.key, reason });
    else this.detached(id, reason, 0);
  }

  /** Gives a shard that has just come up all viewers of its streams, with what they already got. */
  attachAll(shard: number): void {
    for (const viewer of this.#viewers.values()) {
      if (viewer.shard !== shard) continue;
      if (viewer.ending !== undefined) {
        this.detached(viewer.id, viewer.ending, 0); // The shard died before it could let go.
        continue;
      }
      const { sentBytes } = viewer.connection;
      if (sentBytes !== undefined) this.#table.setBytes(viewer.slot, sentBytes);
      this.#attach(viewer);
    }
  }

  /** A shard no longer serves a viewer: its connection is closed. */
  detached(id: number, reason: DetachReason, readers: number): void {
    const viewer = this.#viewers.get(id);
    if (viewer === undefined) return;
    this.#viewers.delete(id);
    viewer.connection.close();
    this.#events.left(viewer, reason, readers);
    this.#freeSlots.push(viewer.slot);
  }

  /** Lets go of everybody who is left, once no shard runs any more. */
  close(): void {
    for (const { id } of this.#viewers.values()) this.detached(id, 'shutdown', 0);
  }

  #attach(viewer: Attached): void {
    const { id: readerId, slot, stream } = viewer;
    const outlet = viewer.connection.outlet();
    const transfer = outlet.kind === 'relay' ? [outlet.port] : [];
    this.#shards.handles[viewer.shard]!.attach({ type: 'attach', readerId, slot, stream, outlet }, transfer);
  }
}
