import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { type LiveRig, StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, PMT_PID, pidsOf, VIDEO_PID } from '../support/ts.ts';

const LINGER_MS = 10_000;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['performance', 'setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

/** A stream whose only viewer has just left. */
async function lingering(multiplex: Multiplex): Promise<LiveRig> {
  const rig = await StreamRig.live(multiplex, { lingerMs: LINGER_MS });
  rig.stream.detach(rig.first.reader, 'client-gone');
  expect(rig.stream.state).toBe('lingering');
  return rig;
}

/** Lets its source go, and checks that no timer is left to do something later. */
async function letGo(rig: StreamRig): Promise<void> {
  rig.source.end();
  await rig.stream.sourceDone;
  expect([rig.stream.state, rig.segments.held, jest.getTimerCount()]).toEqual(['closed', 0, 0]);
}

describe('a stream whose last viewer left', () => {
  it('reads on, and lets a viewer who comes back begin at the newest random-access point at once', async () => {
    const multiplex = new Multiplex();
    const rig = await lingering(multiplex);
    const newest = multiplex.group(3).take();
    rig.data(newest);
    jest.advanceTimersByTime(LINGER_MS - 1);
    const { outlet } = rig.viewer();
    expect(rig.stream.state).toBe('live');
    expect(pidsOf(outlet.body).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    const later = multiplex.group(3).take();
    rig.data(later);
    expect(outlet.body.equals(Buffer.concat([newest, later]))).toBe(true);
    expect(faultsIn(outlet.body)).toEqual([]);
    expect([rig.source.runs, rig.source.signal.aborted]).toEqual([1, false]);
  });

  it('forgets that it was about to end once somebody came back, and begins anew with the next last viewer', async () => {
    const rig = await lingering(new Multiplex());
    jest.advanceTimersByTime(LINGER_MS - 1);
    const { reader } = rig.viewer();
    jest.advanceTimersByTime(10 * LINGER_MS);
    expect(rig.stream.state).toBe('live');
    rig.stream.detach(reader, 'client-gone');
    jest.advanceTimersByTime(LINGER_MS - 1);
    expect(rig.stream.state).toBe('lingering');
    jest.advanceTimersByTime(1);
    expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
    await letGo(rig);
  });

  it('ends when nobody came for as long as it lingers', async () => {
    const rig = await lingering(new Multiplex());
    jest.advanceTimersByTime(LINGER_MS - 1);
    expect([rig.stream.state, rig.stream.isOpen]).toEqual(['lingering', true]);
    jest.advanceTimersByTime(1);
    expect([rig.stream.state, rig.stream.isOpen, rig.source.signal.aborted]).toEqual(['closing', false, true]);
    await letGo(rig);
    expect(rig.outcome()).toEqual(['starting', 'live', 'lingering', 'closing', 'closed']);
    expect(rig.states.at(-1)).toEqual(['closed', undefined]);
  });

  it('ends at once where it is not to linger', async () => {
    const rig = await StreamRig.live(new Multiplex(), { lingerMs: 0 });
    rig.stream.detach(rig.first.reader, 'client-gone');
    expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
    await letGo(rig);
  });

  it('ends at once while it starts or recovers: nobody asked for that any more', async () => {
    const starting = new StreamRig({ lingerMs: LINGER_MS });
    const { reader } = starting.viewer();
    await starting.start();
    starting.stream.detach(reader, 'client-gone');
    const recovering = await StreamRig.live(new Multiplex(), { lingerMs: LINGER_MS });
    recovering.interrupt();
    recovering.stream.detach(recovering.first.reader, 'client-gone');
    for (const rig of [starting, recovering]) {
      expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
      await letGo(rig);
    }
  });

  it('and that breaks is not brought back for nobody, however long its source takes to close', async () => {
    const rig = await lingering(new Multiplex());
    rig.interrupt();
    expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
    jest.advanceTimersByTime(10 * LINGER_MS);
    expect([rig.stream.state, jest.getTimerCount()]).toEqual(['closing', 0]);
    await letGo(rig);
  });

  it('and whose content ends meanwhile is closed', async () => {
    const rig = await lingering(new Multiplex());
    await letGo(rig);
    expect(rig.outcome()).toEqual(['starting', 'live', 'lingering', 'closed']);
  });

  it('and that an operator or the end of the gateway closes does not wait', async () => {
    const rig = await lingering(new Multiplex());
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    expect([rig.stream.state, rig.source.signal.aborted, jest.getTimerCount()]).toEqual(['closing', true, 0]);
    await letGo(rig);
    expect(rig.states.at(-1)).toEqual(['closed', 'shutting_down']);
  });

  it('leaves nothing behind when all were gone at the very moment of joining what had ended', async () => {
    const rig = new StreamRig({ lingerMs: LINGER_MS });
    rig.viewer().outlet.gone = true;
    await rig.start();
    rig.data(Buffer.from('too little to begin with'));
    await letGo(rig);
    expect(rig.outcome()).toEqual(['starting', 'live', 'lingering', 'closed']);
    jest.advanceTimersByTime(10 * LINGER_MS);
    expect(rig.stream.state).toBe('closed');
  });
});
