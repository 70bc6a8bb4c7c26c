import { SluiceError } from '../../../src/shared/errors.ts';
import { pause } from '../../../src/shared/pause.ts';
import { type RecoveryLimits, RecoveryPlan, type Step } from './recovery-plan.ts';
import type { Feed, FeedSink, Opened, Relation, Rung, Source, SourceSink } from './source.ts';

/** A source's answer to a deadline comes first, because it knows more. */
const DEADLINE_SLACK_MS = 1_500;

/** Keeps one of a stream's sources running, by the plan of {@link RecoveryPlan}. */
export class Supervisor implements Feed {
  readonly #sources: readonly Source[];
  readonly #limits: RecoveryLimits;
  /** Counts attempts: what an earlier one still says is not listened to. */
  #generation = 0;
  /** The source whose bytes were shown last. */
  #shown: number | undefined;

  /** @param sources at least one, in order of preference */
  constructor(sources: readonly Source[], limits: RecoveryLimits) {
    this.#sources = sources;
    this.#limits = limits;
  }

  async run(signal: AbortSignal, sink: FeedSink, resumes: boolean): Promise<void> {
    const rungs = this.#sources.map(source => source.rungs);
    const plan = new RecoveryPlan(rungs, this.#limits, { nowMs: performance.now(), resumes });
    /** What viewers of a start that fails read: why they don't get the source that is preferred. */
    let reason: SluiceError | undefined;
    try {
      while (!signal.aborted) {
        const step = plan.current;
        const failure = await this.#attempt(step, plan, signal, sink);
        if (failure === undefined || signal.aborted) return;
        if (step.source === 0) reason = failure;
        if (plan.established) sink.interrupted(failure);
        if (signal.aborted) return; // Nobody is there to recover for.
        const next = plan.failed(failure.code, performance.now());
        if (next === undefined) throw plan.established ? this.#gaveUp(failure) : (reason ?? failure);
        tell(sink, failure, next);
        if (next.source !== step.source) await this.#sources[step.source]!.close();
        if (next.waitMs > 0) await pause(next.waitMs, signal);
      }
    } finally {
      await Promise.all(this.#sources.map(source => source.close()));
    }
  }

  /** @returns why the attempt failed; undefined when the source came to its end, or was told to */
  async #attempt(
    { source, how }: Step,
    plan: RecoveryPlan,
    signal: AbortSignal,
    sink: FeedSink,
  ): Promise<SluiceError | undefined> {
    const generation = ++this.#generation;
    const ending = new AbortController();
    const end = (): void => {
      this.#generation++; // Whatever comes from now on comes too late.
      ending.abort();
    };
    signal.addEventListener('abort', end);
    const limitMs = plan.attemptMs(performance.now());
    const deadline = setTimeout(end, limitMs + DEADLINE_SLACK_MS);
    let flowed = false;
    const guarded: SourceSink = {
      opened: info => {
        if (generation === this.#generation) sink.opened(this.#openedBy(source, info));
      },
      data: chunk => {
        if (generation !== this.#generation) return;
        if (!flowed) {
          flowed = true;
          clearTimeout(deadline);
          this.#flowing(source, how, plan, sink);
        }
        sink.data(chunk);
      },
      event: (name, details) => sink.event(name, details),
    };
    try {
      await this.#sources[source]!.run(how, ending.signal, guarded);
      if (!ending.signal.aborted || signal.aborted) return undefined;
      return new SluiceError('start_timeout', `The source brought no byte within ${Math.round(limitMs / 1000)} s.`);
    } catch (error) {
      const failure = SluiceError.from(error);
      if (failure.code === 'internal') sink.event('source crashed', { cause: String(failure.cause) });
      return failure;
    } finally {
      this.#generation++;
      clearTimeout(deadline);
      signal.removeEventListener('abort', end);
    }
  }

  #flowing(source: number, how: Step['how'], plan: RecoveryPlan, sink: FeedSink): void {
    if (this.#shown !== undefined)
      sink.recovered(source === this.#shown ? rungOf(how, this.#sources[source]!) : 'next-source');
    plan.flowed(performance.now());
    this.#shown = source;
  }

  #openedBy(source: number, info: Opened): Opened & { relation: Relation; rank: number } {
    const relation = this.#shown === undefined ? 'first' : this.#shown === source ? 'same-content' : 'other-content';
    return { ...info, relation, rank: source };
  }

  #gaveUp(last: SluiceError): SluiceError {
    const seconds = this.#limits.recoveryTimeoutMs / 1000;
    return new SluiceError(
      'recovery_failed',
      `The stream broke and did not come back within ${seconds} s: ${last.message}`,
    );
  }
}

/** A source that is begun anew, because every rung had failed, opens what it reads as this rung does. */
function rungOf(how: Step['how'], { rungs }: Source): Rung {
  if (how !== 'start') return how;
  return rungs.includes('new-session') ? 'new-session' : 'reopen';
}

function tell(sink: FeedSink, failure: SluiceError, next: Step): void {
  sink.event('trying again', {
    reason: failure.code,
    problem: failure.message,
    how: next.how,
    source: next.source,
    waitMs: Math.round(next.waitMs),
  });
}
