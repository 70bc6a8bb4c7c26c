import { FAULT_TIMES, type FaultName, type Faults } from './faults.ts';

/** Faults to change: a value switches one on (again), `null` switches it off. */
export type FaultPatch = { [Name in FaultName]?: Faults[Name] | null };

interface Entry {
  fault: NonNullable<Faults[FaultName]>;
  timesLeft: number;
  /** Monotonic milliseconds of the first effect. */
  sinceMs?: number;
}

/** The faults of one content, each with its remaining occasions and its clock. */
export class FaultSet {
  readonly #entries = new Map<FaultName, Entry>();

  /** @throws Error naming a fault that doesn't exist */
  patch(faults: FaultPatch): void {
    for (const name of Object.keys(faults))
      if (!Object.hasOwn(FAULT_TIMES, name)) throw new Error(`there is no fault '${name}'`);
    for (const [name, fault] of Object.entries(faults) as [FaultName, Faults[FaultName] | null][]) {
      if (fault) this.#entries.set(name, { fault, timesLeft: fault.times ?? FAULT_TIMES[name] });
      else this.#entries.delete(name);
    }
  }

  /** The fault if it is on, without starting its clock: to see whether its trigger is reached. */
  peek<Name extends FaultName>(name: Name): Faults[Name] | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    const over = entry.sinceMs !== undefined && performance.now() - entry.sinceMs >= (entry.fault.forMs ?? Infinity);
    if (entry.timesLeft > 0 && !over) return entry.fault as Faults[Name];
    this.#entries.delete(name);
    return undefined;
  }

  /** The fault if it is on. This is an effect: its clock runs from the first call. */
  active<Name extends FaultName>(name: Name): Faults[Name] | undefined {
    const fault = this.peek(name);
    if (fault) this.#entries.get(name)!.sinceMs ??= performance.now();
    return fault;
  }

  /** The fault if it is on, using up one of its occasions. */
  take<Name extends FaultName>(name: Name): Faults[Name] | undefined {
    const fault = this.active(name);
    if (fault) this.#entries.get(name)!.timesLeft--;
    return fault;
  }

  /** Monotonic milliseconds of a fault's first effect; undefined while it is off or has had none. */
  sinceMs(name: FaultName): number | undefined {
    return this.peek(name) && this.#entries.get(name)?.sinceMs;
  }

  /** The faults that are on, as they were set. */
  toJSON(): Faults {
    return Object.fromEntries(
      [...this.#entries].filter(([name]) => this.peek(name)).map(([name, { fault }]) => [name, fault]),
    );
  }
}
