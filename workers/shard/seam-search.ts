import { NULL_PID, PACKET_BYTES, pidOf } from '../../src/shared/mpegts.ts';
import { hasPcr, PCR_HZ, readPcr } from '../../src/shared/timestamps.ts';
import { Continuity } from './continuity.ts';
import { ProgramTracker } from './program-tracker.ts';
import { TableWatch } from './table-watch.ts';
import { fingerprint, Trail } from './trail.ts';

/** How the reading that begins relates to what was shown. */
export type Relation = 'same-content' | 'other-content';

/** How long, and in how many bytes, the right place is looked for; after that any random-access point will do. */
const PATIENCE_MS = 5_000;
const PATIENCE_BYTES = 64 << 20;
/** A clock that lies further back than this was set anew: what it times is not the past. */
const MAX_REPEAT_TICKS = 120 * PCR_HZ;

/** Where to go on. */
export interface Place {
  /** Position in the run; its end when the next packet is in the next run. */
  at: number;
  outcome: 'seamless' | 'jump';
}

/** Looks for the place in a new reading at which what was shown can go on. */
export class SeamSearch {
  readonly relation: Relation;
  /** Where the new reading stands; the packet at the place found is not part of it yet. */
  readonly trail = new Trail();
  readonly tables = new TableWatch();
  /** Continuity counters as the new reading numbers them. */
  readonly continuity = new Continuity();
  readonly #shown: Trail;
  readonly #tracker = new ProgramTracker(offset => this.#points.push(offset));
  /** Random-access packets of the present run. */
  readonly #points: number[] = [];
  #firstMs: number | undefined;
  #runMs = 0;
  /** Packets up to the latest that was shown before, judged by its clock. */
  #repeated = 0;
  /** Packets behind the one with the latest PCR shown that proved to be the same; undefined while that is not met. */
  #agreed: number | undefined;

  /** @param shown where the readings so far have ended */
  constructor(shown: Trail, relation: Relation) {
    this.#shown = shown;
    this.relation = relation;
  }

  /** Packets that have been shown before. */
  get repeatedPackets(): number {
    return this.#repeated;
  }

  /** How long the search has taken since the first packet. */
  get elapsedMs(): number {
    return this.#firstMs === undefined ? 0 : this.#runMs - this.#firstMs;
  }

  /** Looks through the next packets; the run is left as it is. */
  inspect(run: Buffer, nowMs: number): Place | undefined {
    this.#firstMs ??= nowMs;
    this.#runMs = nowMs;
    this.#points.length = 0;
    this.#tracker.inspect(run, 0);
    let nextPoint = 0;
    for (let at = 0; at < run.length; at += PACKET_BYTES) {
      const print = fingerprint(run, at);
      const repeats = this.#agreed !== undefined && this.#compare(print);
      const isPoint = at === this.#points[nextPoint];
      if (isPoint) nextPoint++;
      if (!repeats && (this.#patience <= 0 || (isPoint && this.#isNews(run, at)))) return { at, outcome: 'jump' };
      this.#take(run, at, print);
      if (!repeats && this.#isAnchor(run, at)) this.#agreed = 0;
      if (this.#agreed !== undefined && this.#agreed === this.#shown.packetsAfterAnchor) {
        this.#repeated = this.trail.packets;
        return { at: at + PACKET_BYTES, outcome: 'seamless' };
      }
    }
    return undefined;
  }

  /** What is left of the search, in parts of the patience for the right place: 2 at first, then for any point 1 to 0. */
  get #patience(): number {
    return 2 - Math.max(this.elapsedMs / PATIENCE_MS, (this.trail.packets * PACKET_BYTES) / PATIENCE_BYTES);
  }

  /** Whether the packet goes on agreeing with what came behind the latest PCR shown. */
  #compare(print: number): boolean {
    const agrees = this.#shown.agrees(this.#agreed!, print);
    this.#agreed = agrees ? this.#agreed! + 1 : undefined;
    return agrees;
  }

  #isAnchor(run: Buffer, at: number): boolean {
    if (this.relation === 'other-content' || this.#shown.packetsAfterAnchor === undefined) return false;
    return this.#shown.isAnchor(run, at) && this.#shown.endsAtAnchor(this.trail);
  }

  /** Whether the random-access packet at `at` does not belong to the past that was shown. */
  #isNews(run: Buffer, at: number): boolean {
    if (this.relation === 'other-content' || this.#patience <= 1) return true;
    const pcrPid = this.tables.program?.pcrPid ?? -1;
    if (pcrPid === NULL_PID || !this.#shown.hasClock) return true;
    const isClock = pidOf(run, at) === pcrPid && hasPcr(run, at);
    const pcr = isClock ? readPcr(run, at + 6) : this.trail.latestPcr(pcrPid);
    return pcr !== undefined && !this.#isPast(pcrPid, pcr);
  }

  #isPast(pid: number, pcr: number): boolean {
    const ahead = this.#shown.ahead(pid, pcr);
    return ahead !== undefined && ahead <= 0 && ahead >= -MAX_REPEAT_TICKS;
  }

  #take(run: Buffer, at: number, print: number): void {
    const pid = pidOf(run, at);
    this.trail.push(run, at, print);
    this.tables.push(run, at, pid);
    this.continuity.renumber(run, at, pid);
    if (this.relation === 'same-content' && hasPcr(run, at) && this.#isPast(pid, readPcr(run, at + 6)))
      this.#repeated = this.trail.packets;
  }
}
