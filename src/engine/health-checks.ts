import type { Clock } from './clock.ts';
import type { EngineMember } from './engine-member.ts';

/** What a check found is not asked again for this long, so that refusals come quickly while no engine is healthy. */
const RECHECK_MS = 1_000;

/** Asks the engines how they are, on a timer and when somebody needs to know: by version and network, never by a session. */
export class HealthChecks {
  readonly #members: readonly EngineMember[];
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #onChange: (member: EngineMember) => void;
  #running: Promise<void> | undefined;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #cancelNext: () => void = () => {};
  #closed = false;

  /** @param onChange told when an engine becomes healthy or stops being so */
  constructor(
    members: readonly EngineMember[],
    intervalMs: number,
    clock: Clock,
    onChange: (member: EngineMember) => void,
  ) {
    this.#members = members;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Checks now, and again after each interval. */
  start(): void {
    void this.check();
    this.#cancelNext = this.#clock.after(this.#intervalMs, () => this.start());
  }

  /** Checks every engine once; concurrent callers share one check. */
  check(): Promise<void> {
    this.#running ??= Promise.all(this.#members.map(member => this.#checkOne(member)))
      .then(() => {})
      .finally(() => {
        this.#running = undefined;
        this.#checkedMs = this.#clock.nowMs();
      });
    return this.#running;
  }

  /** Whether no engine is healthy as far as is known, and it is time to look again before that is said. */
  get isDoubtful(): boolean {
    return !this.#members.some(({ isHealthy }) => isHealthy) && this.#clock.nowMs() - this.#checkedMs >= RECHECK_MS;
  }

  /** Ends the checks; what one that is under way finds is not told any more. */
  close(): void {
    this.#closed = true;
    this.#cancelNext();
  }

  async #checkOne(member: EngineMember): Promise<void> {
    if ((await member.check()) && !this.#closed) this.#onChange(member);
  }
}
