import type { GuideEvents } from './guide-events.ts';
import type { MatchAnswer } from './guide-job.ts';
import type { GuideJobRunner } from './guide-jobs.ts';

/** Finds the guide of every channel anew, one round at a time. */
export class GuideMatches {
  readonly #jobs: GuideJobRunner;
  readonly #events: GuideEvents;
  readonly #now: () => number;
  #running: Promise<MatchAnswer> | undefined;
  #following: Promise<MatchAnswer> | undefined;
  /** Ids of the sources of the configuration, the preferred one first. */
  sourceOrder: readonly number[] = [];
  /** What the last round came to. */
  latest: MatchAnswer | undefined;

  constructor(jobs: GuideJobRunner, events: GuideEvents, now: () => number) {
    this.#jobs = jobs;
    this.#events = events;
    this.#now = now;
  }

  /** Runs a round. Those who ask while one runs share a further one, since it may not have seen what they changed. */
  run(): Promise<MatchAnswer> {
    if (this.#running === undefined) return this.#start();
    this.#following ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#following = undefined;
        return this.#start();
      });
    return this.#following;
  }

  #start(): Promise<MatchAnswer> {
    const round = this.#match().finally(() => {
      if (this.#running === round) this.#running = undefined;
    });
    this.#running = round;
    return round;
  }

  async #match(): Promise<MatchAnswer> {
    const { sourceOrder } = this;
    this.latest = await this.#jobs.run<'match'>({ type: 'match', sourceOrder, nowS: this.#now() });
    this.#events.guideMatched(this.latest);
    return this.latest;
  }
}
