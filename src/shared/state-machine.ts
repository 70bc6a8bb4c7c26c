/** Which state follows which event; an event missing from a state's row is a programming error there. */
export type Transitions<State extends string, Event extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Event, State>>>>
>;

/** A state machine whose rules are data: one table, printed in docs/lifecycle.md and tested row by row. */
export class StateMachine<State extends string, Event extends string> {
  readonly #name: string;
  readonly #table: Transitions<State, Event>;
  readonly #onChange: ((to: State, from: State, event: Event) => void) | undefined;
  #state: State;

  /**
   * @param name what the machine belongs to, for error messages
   * @param table every legal transition
   * @param initial the state to begin in
   * @param onChange called after each transition
   */
  constructor(
    name: string,
    table: Transitions<State, Event>,
    initial: State,
    onChange?: (to: State, from: State, event: Event) => void,
  ) {
    this.#name = name;
    this.#table = table;
    this.#state = initial;
    this.#onChange = onChange;
  }

  /** The current state. */
  get state(): State {
    return this.#state;
  }

  /** Whether `event` is legal now. */
  can(event: Event): boolean {
    return this.#table[this.#state][event] !== undefined;
  }

  /**
   * Takes the transition for `event`.
   * @throws Error when the table has no such transition
   */
  send(event: Event): State {
    const from = this.#state;
    const to = this.#table[from][event];
    if (to === undefined) throw new Error(`${this.#name}: event '${event}' is not legal in state '${from}'`);
    this.#state = to;
    this.#onChange?.(to, from, event);
    return to;
  }
}
