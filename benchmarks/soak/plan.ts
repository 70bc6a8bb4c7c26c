/** What happens when: faults and absent audiences, dealt out beforehand, so that a seed says all about a run. */
import { FAULT_SPANS, type FaultKind, isEngineFault } from './fault-kinds.ts';
import { Random } from './random.ts';

/** A fault that is due at a time. */
export interface PlannedFault {
  atMs: number;
  kind: FaultKind;
  /** How long it lasts; 0 for what happens at a moment. */
  forMs: number;
  /** The stream, for faults of a content. */
  stream: number;
  /** The engine, for faults of an engine. */
  engine: number;
}

/** Everybody leaves a stream and comes back. */
export interface PlannedAbsence {
  atMs: number;
  stream: number;
  forMs: number;
}

/** What to plan for. */
export interface PlanOptions {
  seed: number;
  /** Faults begin after the first and are over before the second. */
  fromMs: number;
  untilMs: number;
  streams: number;
  engines: number;
  kinds: readonly FaultKind[];
}

/** A stream is left alone for so long after a fault: one recovery at a time is what viewers are promised to survive. */
const STREAM_REST_MS = 20_000;
/** As long as engines need to be found healthy and to take their streams back. */
const ENGINE_REST_MS = 10_000;
/** Each stream meets a fault of its own about so often. */
const STREAM_FAULT_EVERY_MS = 45_000;
/** Some engine fails about so often; never two at once. */
const ENGINE_FAULT_EVERY_MS = 25_000;
const ABSENCE_EVERY_MS = 30_000;
/** Some come back while the stream lingers, some when it is gone. */
const ABSENCE_MS = [500, 12_000] as const;

/** Draws every value once before any comes again. */
class Bag<T> {
  readonly #values: readonly T[];
  readonly #random: Random;
  #left: T[] = [];

  constructor(values: readonly T[], random: Random) {
    this.#values = values;
    this.#random = random;
  }

  draw(): T {
    if (this.#left.length === 0) this.#left = this.#random.shuffled(this.#values);
    return this.#left.pop()!;
  }
}

/** Moments about `everyMs` apart, the first after half of that. */
function* moments(random: Random, fromMs: number, untilMs: number, everyMs: number): Generator<number> {
  let atMs = fromMs + everyMs / 2;
  while (atMs < untilMs) {
    yield Math.round(atMs);
    atMs += everyMs * (0.5 + random.next());
  }
}

function contentFaults(options: PlanOptions, random: Random): PlannedFault[] {
  const kinds = options.kinds.filter(kind => !isEngineFault(kind));
  if (kinds.length === 0) return [];
  const bag = new Bag(kinds, random);
  const freeAtMs = new Array<number>(options.streams).fill(0);
  const planned: PlannedFault[] = [];
  for (const atMs of moments(random, options.fromMs, options.untilMs, STREAM_FAULT_EVERY_MS / options.streams)) {
    const free = freeAtMs.flatMap((freeMs, stream) => (freeMs <= atMs ? [stream] : []));
    if (free.length === 0) continue;
    const kind = bag.draw();
    const [least, most] = FAULT_SPANS[kind];
    const forMs = Math.min(random.between(least, most), options.untilMs - atMs);
    const stream = random.pick(free);
    freeAtMs[stream] = atMs + forMs + STREAM_REST_MS;
    planned.push({ atMs, kind, forMs, stream, engine: random.between(0, options.engines - 1) });
  }
  return planned;
}

function engineFaults(options: PlanOptions, random: Random): PlannedFault[] {
  const kinds = options.kinds.filter(isEngineFault);
  if (kinds.length === 0) return [];
  const bag = new Bag(kinds, random);
  const planned: PlannedFault[] = [];
  let freeAtMs = 0;
  for (const atMs of moments(random, options.fromMs, options.untilMs, ENGINE_FAULT_EVERY_MS)) {
    if (atMs < freeAtMs) continue;
    const kind = bag.draw();
    const [least, most] = FAULT_SPANS[kind];
    const forMs = Math.min(random.between(least, most), options.untilMs - atMs);
    freeAtMs = atMs + forMs + ENGINE_REST_MS;
    planned.push({ atMs, kind, forMs, stream: 0, engine: random.between(0, options.engines - 1) });
  }
  return planned;
}

/** The faults of a run in the order of their times. */
export function planFaults(options: PlanOptions): PlannedFault[] {
  const random = new Random(options.seed);
  return [...contentFaults(options, random), ...engineFaults(options, random)].sort((a, b) => a.atMs - b.atMs);
}

/** When whole audiences are away. */
export function planAbsences({ seed, fromMs, untilMs, streams }: PlanOptions): PlannedAbsence[] {
  const random = new Random(seed + 1);
  return [...moments(random, fromMs, untilMs, ABSENCE_EVERY_MS)].map(atMs => ({
    atMs,
    stream: random.between(0, streams - 1),
    forMs: Math.min(random.between(...ABSENCE_MS), untilMs - atMs),
  }));
}
