import { describe, expect, it } from '@jest/globals';
import { StateMachine, type Transitions } from '../../../src/shared/state-machine.ts';

type State = 'shut' | 'open' | 'broken';
type Event = 'push' | 'pull' | 'smash';

const DOOR: Transitions<State, Event> = {
  shut: { push: 'open', smash: 'broken' },
  open: { pull: 'shut', smash: 'broken' },
  broken: { smash: 'broken' },
};

describe('a state machine', () => {
  it('begins in the initial state and follows its table', () => {
    const door = new StateMachine('door', DOOR, 'shut');
    expect(door.state).toBe('shut');
    expect(door.send('push')).toBe('open');
    expect(door.send('pull')).toBe('shut');
    expect(door.send('smash')).toBe('broken');
    expect(door.state).toBe('broken');
  });

  it('names itself, the event and the state when an event is not legal, and stays where it is', () => {
    const door = new StateMachine('door 7', DOOR, 'open');
    expect(() => door.send('push')).toThrow("door 7: event 'push' is not legal in state 'open'");
    expect(door.state).toBe('open');
  });

  it('tells beforehand which events are legal', () => {
    const door = new StateMachine('door', DOOR, 'broken');
    expect([door.can('push'), door.can('pull'), door.can('smash')]).toEqual([false, false, true]);
  });

  it('tells its owner after each transition, those that lead back included, and never about illegal events', () => {
    const seen: unknown[] = [];
    const door: StateMachine<State, Event> = new StateMachine('door', DOOR, 'shut', (to, from, event) =>
      seen.push([from, event, to, door.state]),
    );
    door.send('push');
    door.send('smash');
    door.send('smash');
    expect(() => door.send('pull')).toThrow();
    expect(seen).toEqual([
      ['shut', 'push', 'open', 'open'],
      ['open', 'smash', 'broken', 'broken'],
      ['broken', 'smash', 'broken', 'broken'],
    ]);
  });

  it('lets its owner send another event from the notification', () => {
    const door: StateMachine<State, Event> = new StateMachine('door', DOOR, 'shut', to => {
      if (to === 'open') door.send('smash');
    });
    door.send('push');
    expect(door.state).toBe('broken');
  });
});
