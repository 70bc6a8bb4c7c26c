/** Everybody who watches during a soak run: one seat a viewer, most of them steady, some of them trying. */
import type { StreamAddress } from '../lib/viewer.ts';
import { Random } from './random.ts';
import { type Disconnect, ROLES, type Role, Seat, type SeatCounts } from './seat.ts';

/** Who watches. */
export interface AudienceOptions {
  seed: number;
  streams: number;
  viewersPerStream: number;
  address(stream: number): StreamAddress;
}

/** What all seats of a role have seen together; the longest silence is the worst of them. */
export interface RoleCounts extends SeatCounts {
  role: Role;
  seats: number;
}

/** Shares of the roles; whoever is left over is steady. */
const SHARES: readonly (readonly [Role, number])[] = [
  ['slow', 0.1],
  ['pausing', 0.15],
  ['zapping', 0.15],
];
const TICK_MS = 100;
const JOIN_OVER_MS = 3_000;
/** Far more than may go wrong in a run that passes; a run in which all goes wrong must not fill the memory. */
const KEPT_DISCONNECTS = 1_000;

function rolesFor(seats: number, random: Random): Role[] {
  const trying = SHARES.flatMap(([role, share]) => new Array<Role>(Math.round(seats * share)).fill(role));
  const steady = new Array<Role>(Math.max(0, seats - trying.length)).fill('steady');
  return random.shuffled([...trying, ...steady]);
}

/** All seats, and the timer that moves them. */
export class Audience {
  readonly disconnects: Disconnect[] = [];
  disconnectCount = 0;
  readonly #seats: Seat[];
  readonly #startedAtMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor({ seed, streams, viewersPerStream, address }: AudienceOptions) {
    const random = new Random(seed + 2);
    const roles = rolesFor(streams * viewersPerStream, random);
    const disconnected = (seat: Seat, reason: string): void => this.#disconnected(seat, reason);
    this.#seats = roles.map((role, i) => {
      const joinAtMs = this.#startedAtMs + (JOIN_OVER_MS * i) / roles.length;
      return new Seat(role, i % streams, streams, joinAtMs, new Random(random.between(0, 2 ** 32 - 1)), {
        address,
        disconnected,
      });
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Seats whose viewers get their stream. */
  get served(): number {
    return this.#seats.filter(seat => seat.served).length;
  }

  get seats(): number {
    return this.#seats.length;
  }

  /** Seats whose viewers have got no packet of their stream for this long. */
  starving(longerThanMs: number): number {
    const nowMs = performance.now();
    return this.#seats.filter(seat => seat.silentMs(nowMs) > longerThanMs).length;
  }

  /** Sends everybody who watches a stream away for a while. */
  vacate(stream: number, forMs: number): void {
    const untilMs = performance.now() + forMs;
    for (const seat of this.#seats) if (seat.stream === stream) seat.leave(untilMs);
  }

  /** Sends everybody away for good. */
  dismiss(): void {
    clearInterval(this.#timer);
    for (const seat of this.#seats) seat.leave(Number.POSITIVE_INFINITY);
  }

  /** What was seen, by role; complete once everybody was dismissed. */
  byRole(): RoleCounts[] {
    return ROLES.map(role => {
      const seats = this.#seats.filter(seat => seat.role === role).map(seat => seat.counts);
      const sum = (pick: (counts: SeatCounts) => number): number =>
        seats.reduce((total, seat) => total + pick(seat), 0);
      return {
        role,
        seats: seats.length,
        visits: sum(seat => seat.visits),
        refusals: sum(seat => seat.refusals),
        bytes: sum(seat => seat.bytes),
        lostPackets: sum(seat => seat.lostPackets),
        gaps: sum(seat => seat.gaps),
        stepsBack: sum(seat => seat.stepsBack),
        discontinuities: sum(seat => seat.discontinuities),
        continuityErrors: sum(seat => seat.continuityErrors),
        syncErrors: sum(seat => seat.syncErrors),
        longestSilenceMs: Math.max(0, ...seats.map(seat => seat.longestSilenceMs)),
      };
    });
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const seat of this.#seats) seat.tick(nowMs);
  }

  #disconnected({ stream, role }: Seat, reason: string): void {
    this.disconnectCount++;
    if (this.disconnects.length >= KEPT_DISCONNECTS) return;
    this.disconnects.push({ atMs: Math.round(performance.now() - this.#startedAtMs), stream, role, reason });
  }
}
