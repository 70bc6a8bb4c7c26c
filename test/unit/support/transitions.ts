import { expect, it } from '@jest/globals';
import { StateMachine, type Transitions } from '../../../src/shared/state-machine.ts';

/**
 * Declares a test for each pair of state and event: it is legal as documented, or it throws and changes nothing.
 * @param documented what leads where; a pair that is left out is illegal
 */
export function describeTransitions<State extends string, Event extends string>(
  table: Transitions<State, Event>,
  events: readonly Event[],
  documented: Transitions<State, Event>,
): void {
  const states = Object.keys(documented) as State[];

  it('are those that are documented', () => {
    expect(Object.keys(table).sort()).toEqual([...states].sort());
    const known = new Set<string>(events);
    expect(Object.values<object>(table).flatMap(row => Object.keys(row).filter(event => !known.has(event)))).toEqual(
      [],
    );
  });

  for (const state of states)
    for (const event of events) {
      const target = documented[state][event];
      it(`${state}: '${event}' ${target === undefined ? 'is illegal' : `leads to ${target}`}`, () => {
        const machine = new StateMachine('it', table, state);
        expect(machine.can(event)).toBe(target !== undefined);
        if (target !== undefined) expect(machine.send(event)).toBe(target);
        else expect(() => machine.send(event)).toThrow(`'${event}' is not legal in state '${state}'`);
        expect(machine.state).toBe(target ?? state);
      });
    }
}
