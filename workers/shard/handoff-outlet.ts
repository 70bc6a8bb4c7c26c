import { SocketPoller, sendNow, shutdownSocket } from '../../src/native/libc.ts';
import type { OutletSpec } from '../../src/shared/protocol.ts';
import type { Outlet, OutletEvents, OutletHub } from './outlet.ts';

/** A close of an idle viewer is seen within this. */
const POLL_MS = 40;
/** While viewers drain their backlog, room in their sockets is used this soon. */
const BUSY_POLL_MS = 2;

/**
 * Writes straight to viewers' sockets. The descriptors belong to the front, which closes them once a reader is
 * reported detached; here they are only borrowed. One epoll descriptor tells about all of them, so that a viewer costs
 * no JavaScript object of Node's.
 */
export class HandoffHub implements OutletHub<Extract<OutletSpec, { kind: 'handoff' }>> {
  readonly #poller: SocketPoller;
  readonly #events = new Map<number, OutletEvents>();
  #timer: NodeJS.Timeout | undefined;

  /** @param epollFd epoll descriptor that the front created for this shard */
  constructor(epollFd: number) {
    this.#poller = new SocketPoller(epollFd);
  }

  open(spec: Extract<OutletSpec, { kind: 'handoff' }>, slot: number, events: OutletEvents): Outlet {
    const { fd } = spec;
    this.#poller.add(fd, slot);
    this.#events.set(slot, events);
    this.#schedule(POLL_MS);
    return {
      write: (buffer, from, length) => sendNow(fd, buffer, from, length),
      end: () => {
        this.#poller.remove(fd);
        this.#events.delete(slot);
        shutdownSocket(fd);
      },
    };
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const busy = this.#poller.poll(this.#report) > 0;
      if (this.#events.size > 0) this.#schedule(busy ? BUSY_POLL_MS : POLL_MS);
    }, delayMs);
  }

  readonly #report = (slot: number, gone: boolean): void => {
    const events = this.#events.get(slot);
    if (gone) events?.onGone();
    else events?.onWritable();
  };
}
