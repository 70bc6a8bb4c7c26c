import { Backoff } from '../../../src/shared/backoff.ts';
import type { ErrorCode } from '../../../src/shared/errors.ts';
import { RUNGS, type Rung } from './source.ts';

/** One attempt to read: which source, in which way, and after which pause. */
export interface Step {
  /** Index in the stream's list of sources. */
  source: number;
  how: 'start' | Rung;
  waitMs: number;
}

/** How long a plan may go on. */
export interface RecoveryLimits {
  /** From a stream's start to its first byte. */
  startTimeoutMs: number;
  /** From an interruption to the first byte of a recovery that worked. */
  recoveryTimeoutMs: number;
}

/** What does not help any more after a failure: the rung to begin with, or to leave the source at once. */
type Entry = Rung | 'next-source';

/** Failures that say where to begin; the others begin with a new session. */
const ENTRIES: Readonly<Partial<Record<ErrorCode, Entry>>> = {
  source_ended: 'reopen',
  source_stalled: 'reopen',
  source_unavailable: 'reopen',
  source_bad_answer: 'reopen',
  engine_unavailable: 'other-engine',
  engine_silent: 'other-engine',
  engine_refused: 'other-engine',
  engines_busy: 'other-engine',
  engines_full: 'other-engine',
  no_peers: 'other-engine',
  start_timeout: 'other-engine',
  content_not_found: 'other-engine',
  content_busy: 'next-source',
  engine_disabled: 'next-source',
  source_not_found: 'next-source',
  source_not_allowed: 'next-source',
  source_not_stream: 'next-source',
  source_untrusted: 'next-source',
  source_refused: 'next-source',
};

/** Failures of a start that another engine may not have. */
const WORTH_ANOTHER_ENGINE: ReadonlySet<ErrorCode> = new Set([
  'engine_unavailable',
  'engine_silent',
  'engine_bad_answer',
  'session_lost',
  'source_ended',
]);

const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 5_000;
/** After this long without trouble, earlier failures no longer count. */
const STABLE_MS = 10_000;
/** A source that was given up is only tried again before this when there is no other. */
const COOL_DOWN_MS = 30_000;
/** An attempt to recover gets half of the time that is left, so that others get their turn, and at least this. */
const MIN_ATTEMPT_MS = 5_000;
/** Engines tried for one source before its first byte. */
const MAX_START_ENGINES = 3;

/**
 * Decides what is tried next when a source failed: the ladder of rungs on the same source, then the next source of the
 * stream, within a budget. Before the first byte it looks for a source that works, and tries each only once.
 */
export class RecoveryPlan {
  readonly #rungs: readonly (readonly Rung[])[];
  readonly #limits: RecoveryLimits;
  readonly #backoff: Backoff;
  /** When each source may be tried again. */
  readonly #notBeforeMs: number[];
  #current: Step = { source: 0, how: 'start', waitMs: 0 };
  /** Since when bytes are missed: the start, or the latest failure of a source that brought some. */
  #missedMs: number;
  /** Since when bytes have flowed without a break; undefined while they don't. */
  #flowingMs: number | undefined;
  /** Whether there is something to recover: bytes have come before. */
  #established: boolean;
  #startEngines = 1;

  /**
   * @param rungs what each source of the stream knows, in order of preference
   * @param resumes whether viewers have had bytes before, from a shard that died: then the start counts as a recovery
   */
  constructor(
    rungs: readonly (readonly Rung[])[],
    limits: RecoveryLimits,
    { nowMs, resumes, random }: { nowMs: number; resumes: boolean; random?: () => number },
  ) {
    this.#rungs = rungs;
    this.#limits = limits;
    this.#backoff = new Backoff(FIRST_WAIT_MS, MAX_WAIT_MS, random);
    this.#notBeforeMs = rungs.map(() => Number.NEGATIVE_INFINITY);
    this.#missedMs = nowMs;
    this.#established = resumes;
  }

  /** What to try now. */
  get current(): Step {
    return this.#current;
  }

  /** Whether viewers have had bytes, so that their connections are worth keeping. */
  get established(): boolean {
    return this.#established;
  }

  /** How long the present attempt may take to bring bytes. */
  attemptMs(nowMs: number): number {
    if (this.#established) {
      const leftMs = this.#limits.recoveryTimeoutMs - (nowMs - this.#missedMs);
      return Math.min(leftMs, Math.max(MIN_ATTEMPT_MS, leftMs / 2));
    }
    const leftMs = this.#limits.startTimeoutMs - (nowMs - this.#missedMs);
    return leftMs / (this.#rungs.length - this.#current.source);
  }

  /** Bytes flow. */
  flowed(nowMs: number): void {
    this.#established = true;
    this.#flowingMs = nowMs;
  }

  /** The present attempt failed. @returns what to try next, or undefined when that is the end */
  failed(code: ErrorCode, nowMs: number): Step | undefined {
    const wasStable = this.#flowingMs !== undefined && nowMs - this.#flowingMs >= STABLE_MS;
    if (this.#flowingMs !== undefined) this.#missedMs = nowMs;
    this.#flowingMs = undefined;
    if (wasStable) {
      this.#backoff.reset();
      this.#current = { ...this.#current, how: 'start' };
    }
    const next = this.#established ? this.#recovery(code, nowMs) : this.#otherStart(code, nowMs);
    if (next !== undefined) this.#current = next;
    return next;
  }

  #recovery(code: ErrorCode, nowMs: number): Step | undefined {
    const waitMs = this.#backoff.nextMs();
    if (nowMs - this.#missedMs + waitMs >= this.#limits.recoveryTimeoutMs) return undefined;
    const { source, how } = this.#current;
    const entry = ENTRIES[code] ?? 'new-session';
    if (entry !== 'next-source') {
      const from = Math.max(RUNGS.indexOf(entry), how === 'start' ? 0 : RUNGS.indexOf(how) + 1);
      const rung = RUNGS.slice(from).find(each => this.#rungs[source]!.includes(each));
      if (rung !== undefined) return { source, how: rung, waitMs };
    }
    this.#notBeforeMs[source] = nowMs + COOL_DOWN_MS;
    return { source: this.#best(nowMs), how: 'start', waitMs };
  }

  /** The most preferred source that has not failed lately, or else the one whose failure is the longest ago. */
  #best(nowMs: number): number {
    const rested = this.#notBeforeMs.findIndex(notBeforeMs => notBeforeMs <= nowMs);
    return rested >= 0 ? rested : this.#notBeforeMs.indexOf(Math.min(...this.#notBeforeMs));
  }

  #otherStart(code: ErrorCode, nowMs: number): Step | undefined {
    if (nowMs - this.#missedMs >= this.#limits.startTimeoutMs) return undefined;
    const { source } = this.#current;
    const canMove = this.#rungs[source]!.includes('other-engine') && WORTH_ANOTHER_ENGINE.has(code);
    if (canMove && this.#startEngines++ < MAX_START_ENGINES) return { source, how: 'other-engine', waitMs: 0 };
    this.#startEngines = 1;
    return source + 1 < this.#rungs.length ? { source: source + 1, how: 'start', waitMs: 0 } : undefined;
  }
}
