/** One viewer's seat: it is always taken, by one connection after another if its viewer zaps or is cut off. */
import { type StreamAddress, Viewer } from '../lib/viewer.ts';
import { BITS_PER_SECOND } from './engines.ts';
import type { Random } from './random.ts';

/** How a viewer behaves. */
export const ROLES = ['steady', 'slow', 'pausing', 'zapping'] as const;
export type Role = (typeof ROLES)[number];

/** What a seat has seen, over all its connections. */
export interface SeatCounts {
  visits: number;
  /** Answers other than 200: a stream that could not be started. Asked again, as players do. */
  refusals: number;
  bytes: number;
  lostPackets: number;
  gaps: number;
  /** Times that the sequence went back: an engine's start burst brings what was seen already. */
  stepsBack: number;
  discontinuities: number;
  continuityErrors: number;
  syncErrors: number;
  /** Longest time without a packet of the stream while it was reading. */
  longestSilenceMs: number;
}

/** A connection that ended although nobody wanted it to. */
export interface Disconnect {
  atMs: number;
  stream: number;
  role: Role;
  reason: string;
}

/** What a seat tells its audience. */
export interface SeatEvents {
  address(stream: number): StreamAddress;
  disconnected(seat: Seat, reason: string): void;
}

/** Slow viewers read so much of what is sent: in the end they lose their place, but they always take something. */
const SLOW_SHARE = 0.8;
const PAUSE_MS = [2_000, 10_000] as const;
const BETWEEN_PAUSES_MS = [10_000, 40_000] as const;
const ZAP_EVERY_MS = [8_000, 40_000] as const;
const RETRY_MS = 1_000;
/** A viewer who asked this long ago and has no byte yet is not served. */
const SERVED_WITHIN_MS = 45_000;

/** A seat; `tick` is called several times a second and does whatever is due. */
export class Seat {
  readonly role: Role;
  readonly counts: SeatCounts = {
    visits: 0,
    refusals: 0,
    bytes: 0,
    lostPackets: 0,
    gaps: 0,
    stepsBack: 0,
    discontinuities: 0,
    continuityErrors: 0,
    syncErrors: 0,
    longestSilenceMs: 0,
  };
  stream: number;
  readonly #streams: number;
  readonly #random: Random;
  readonly #events: SeatEvents;
  #viewer: Viewer | undefined;
  #joinAtMs: number;
  #joinedAtMs = 0;
  #askingSinceMs: number | undefined;
  #actAtMs = 0;
  #paused = false;
  #packets = 0;
  #packetAtMs = 0;

  constructor(role: Role, stream: number, streams: number, joinAtMs: number, random: Random, events: SeatEvents) {
    this.role = role;
    this.stream = stream;
    this.#streams = streams;
    this.#joinAtMs = joinAtMs;
    this.#random = random;
    this.#events = events;
  }

  /** Whether its viewer gets the stream. */
  get served(): boolean {
    return this.#viewer !== undefined && this.#viewer.bytes > 0 && !this.#viewer.ended;
  }

  /** Milliseconds without a packet of the stream; 0 for one who pauses or is away. */
  silentMs(nowMs: number): number {
    return this.#viewer === undefined || this.#paused ? 0 : nowMs - this.#packetAtMs;
  }

  /** Leaves, and comes back at a time. */
  leave(untilMs: number): void {
    this.#close();
    this.#joinAtMs = untilMs;
    this.#askingSinceMs = undefined;
  }

  tick(nowMs: number): void {
    if (this.#viewer === undefined) {
      if (nowMs >= this.#joinAtMs) this.#join(nowMs);
      return;
    }
    this.#listen(this.#viewer, nowMs);
    if (this.#viewer.ended) this.#lost(this.#viewer, nowMs);
    else if (this.served) this.#behave(this.#viewer, nowMs);
    else if (nowMs - this.#askingSinceMs! > SERVED_WITHIN_MS) this.#giveUp(nowMs);
  }

  #join(nowMs: number): void {
    this.#viewer = new Viewer(this.#events.address(this.stream), 'parsed');
    this.#joinedAtMs = nowMs;
    this.#askingSinceMs ??= nowMs;
    this.#packets = 0;
    this.#packetAtMs = nowMs;
    this.#paused = false;
    this.#actAtMs = nowMs + this.#draw(this.role === 'zapping' ? ZAP_EVERY_MS : BETWEEN_PAUSES_MS);
  }

  #draw([least, most]: readonly [number, number]): number {
    return this.#random.between(least, most);
  }

  /** Notes when packets of the stream come; the gateway's null packets are none. */
  #listen({ packets }: Viewer, nowMs: number): void {
    const count = packets!.packets - packets!.nullPackets;
    if (count > this.#packets || this.#paused) this.#packetAtMs = nowMs;
    this.#packets = count;
    this.counts.longestSilenceMs = Math.max(this.counts.longestSilenceMs, this.silentMs(nowMs));
  }

  #behave(viewer: Viewer, nowMs: number): void {
    this.#askingSinceMs = undefined;
    if (this.role === 'slow') {
      const allowed = ((nowMs - this.#joinedAtMs) * BITS_PER_SECOND * SLOW_SHARE) / 8_000;
      this.#pause(viewer, viewer.bytes > allowed);
    } else if (this.role === 'pausing' && nowMs >= this.#actAtMs) {
      this.#pause(viewer, !this.#paused);
      this.#actAtMs = nowMs + this.#draw(this.#paused ? PAUSE_MS : BETWEEN_PAUSES_MS);
    } else if (this.role === 'zapping' && nowMs >= this.#actAtMs) {
      this.#close();
      this.stream = this.#random.between(0, this.#streams - 1);
      this.#join(nowMs);
    }
  }

  #pause(viewer: Viewer, paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) viewer.pause();
    else viewer.resume();
  }

  /** The connection is over without our doing. */
  #lost(viewer: Viewer, nowMs: number): void {
    const { status, failure } = viewer;
    this.#close();
    this.#joinAtMs = nowMs + RETRY_MS;
    if (status !== null && status !== 200) this.counts.refusals++;
    else this.#events.disconnected(this, failure ?? (status === null ? 'closed without an answer' : 'closed'));
    if (this.#askingSinceMs !== undefined && nowMs - this.#askingSinceMs > SERVED_WITHIN_MS) this.#giveUp(nowMs);
  }

  /** Counts as one disconnect, and asking begins anew. */
  #giveUp(nowMs: number): void {
    this.#events.disconnected(this, `not served within ${SERVED_WITHIN_MS / 1000} s`);
    this.leave(nowMs + RETRY_MS);
  }

  #close(): void {
    const viewer = this.#viewer;
    if (viewer === undefined) return;
    this.#viewer = undefined;
    viewer.close();
    const { counts } = this;
    const packets = viewer.packets!;
    if (viewer.status === 200) counts.visits++;
    counts.bytes += viewer.bytes;
    counts.lostPackets += packets.lostPackets;
    counts.gaps += packets.gaps;
    counts.stepsBack += packets.repeatedPackets;
    counts.discontinuities += packets.discontinuityFlags;
    counts.continuityErrors += packets.continuityErrors;
    counts.syncErrors += packets.syncErrors;
  }
}
