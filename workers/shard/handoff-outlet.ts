import { SocketPoller, sendFileNow, sendNow, shutdownSocket, UNSUPPORTED } from '../../src/native/libc.ts';
import type { OutletSpec } from '../../src/shared/protocol.ts';
import type { Outlet, OutletEvents, OutletHub } from './outlet.ts';
import type { SegmentMemory } from './segments.ts';

/** A close of an idle viewer is seen within this. */
const POLL_MS = 40;
/** While viewers drain their backlog, room in their sockets is used this soon. */
const BUSY_POLL_MS = 2;
/** From here on referring to the log's pages is cheaper than copying them (docs/adr/0005-zero-copy-log.md). */
const ZERO_COPY_MIN_BYTES = 8_192;

/**
 * Writes straight to viewers' sockets. The descriptors belong to the front, which closes them once a reader is
 * reported detached; here they are only borrowed. One epoll descriptor tells about all of them, so that a viewer costs
 * no JavaScript object of Node's.
 */
export class HandoffHub implements OutletHub<Extract<OutletSpec, { kind: 'handoff' }>> {
  readonly #poller: SocketPoller;
  readonly #events = new Map<number, OutletEvents>();
  #timer: NodeJS.Timeout | undefined;
  #polledMs = 0;
  /** Until the system says that it can't. */
  #zeroCopy = true;

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
      forward: (segment, from, length) => this.#forward(fd, segment, from, length),
      end: () => {
        this.#poller.remove(fd);
        this.#events.delete(slot);
        shutdownSocket(fd);
      },
    };
  }

  #forward(fd: number, segment: SegmentMemory, from: number, length: number): number {
    if (segment.fd >= 0 && length >= ZERO_COPY_MIN_BYTES && this.#zeroCopy) {
      const taken = sendFileNow(fd, segment.fd, from, length);
      if (taken !== UNSUPPORTED) return taken;
      this.#zeroCopy = false;
    }
    return sendNow(fd, segment.buffer, from, length);
  }

  /** Looks for news if it is about time: where bytes flow, this takes the place of a timer's own wake-ups. */
  look(nowMs: number): void {
    if (nowMs - this.#polledMs >= POLL_MS / 2) this.#poll(nowMs);
  }

  #poll(nowMs: number): void {
    this.#polledMs = nowMs;
    const busy = this.#poller.poll(this.#report) > 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#events.size > 0) this.#schedule(busy ? BUSY_POLL_MS : POLL_MS);
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#poll(performance.now()), delayMs);
  }

  readonly #report = (slot: number, gone: boolean): void => {
    const events = this.#events.get(slot);
    if (gone) events?.onGone();
    else events?.onWritable();
  };
}
