import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { broadcast, GROUP_PACKETS, reading, sequencesIn, strictFaults } from '../support/broadcast.ts';
import { groups, type LiveRig, StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, NULL_PID, PACKET_BYTES, PMT_PID, pidsOf, VIDEO_PID } from '../support/ts.ts';
import { until } from '../support/waiting.ts';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const GAVE_UP = new SluiceError('recovery_failed', 'It did not come back.');

/** Lets time go by as in a shard, which sweeps its streams every second. */
function pass(rig: StreamRig, ms: number): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    jest.advanceTimersByTime(1_000);
    rig.stream.sweep(performance.now());
    while (rig.stream.flush(Number.POSITIVE_INFINITY) !== 'done');
  }
}

/** A broadcast that one viewer watches, and that has just broken. */
async function broken(settings: Parameters<typeof StreamRig.live>[1] = {}): Promise<LiveRig & { packets: Buffer[] }> {
  const packets = broadcast({ packets: 40 * GROUP_PACKETS });
  const rig = new StreamRig(settings);
  const first = rig.viewer();
  await rig.start();
  rig.data(reading(packets, 0, 200));
  rig.interrupt();
  expect(rig.stream.state).toBe('recovering');
  return Object.assign(rig, { first, packets });
}

describe('a stream that breaks', () => {
  it('keeps its viewers, and hands on seamlessly what comes again', async () => {
    const rig = await broken();
    expect([rig.interruptions, rig.detached, rig.first.outlet.ended]).toEqual([['source_ended'], [], 0]);
    rig.recover(reading(rig.packets, 120, 400, 7));
    expect([rig.stream.state, rig.recoveries.map(({ how }) => how)]).toEqual(['live', ['reopen']]);
    expect(strictFaults(rig.first.outlet.body)).toEqual([]);
    const shown = sequencesIn(rig.first.outlet.body);
    expect(shown).toEqual(sequencesIn(reading(rig.packets, 0, 400)).slice(-shown.length));
    expect(shown[0]).toBeLessThan(200);
    expect(rig.events).toEqual([['readings joined', expect.objectContaining({ outcome: 'seamless', clockJumpMs: 0 })]]);
    expect(rig.outcome()).toEqual(['starting', 'live', 'recovering', 'live']);
  });

  it('gives viewers null packets while what comes again has no place to go on at yet', async () => {
    const rig = await broken();
    rig.recover(reading(rig.packets, 0, 60));
    expect(rig.stream.state).toBe('live');
    const before = rig.first.outlet.body.length;
    for (let second = 0; second < 4; second++) {
      rig.data(reading(rig.packets, 60 + second * 30, 90 + second * 30));
      pass(rig, 1_000);
    }
    const meanwhile = rig.first.outlet.body.subarray(before);
    expect(new Set(pidsOf(meanwhile))).toEqual(new Set([NULL_PID]));
    expect(rig.detached).toEqual([]);
  });

  it('goes on with another source behind a jump', async () => {
    const rig = await broken();
    const other = broadcast({ packets: 400, fill: 5 });
    rig.recover(reading(other, 0, 400), 'next-source');
    expect(rig.recoveries.map(({ how }) => how)).toEqual(['next-source']);
    expect(rig.events).toEqual([['readings joined', expect.objectContaining({ outcome: 'jump' })]]);
    expect(strictFaults(rig.first.outlet.body)).toEqual([]);
  });

  it('names in its snapshot what it reads now, and how often it broke', async () => {
    const rig = await broken();
    rig.source.sink.opened({
      contentType: 'video/mp2t',
      infohash: undefined,
      origin: 'host',
      relation: 'other-content',
      rank: 1,
    });
    rig.source.sink.recovered('next-source');
    rig.data(reading(rig.packets, 500, 700));
    rig.interrupt();
    expect(rig.stream.snapshot(performance.now())).toMatchObject({
      state: 'recovering',
      origin: 'host',
      infohash: undefined,
      source: 1,
      interruptions: 2,
    });
  });

  it('is interrupted once, however many attempts fail', async () => {
    const rig = await broken();
    for (const code of ['source_unavailable', 'engine_silent', 'no_peers'] as const) rig.interrupt(code);
    expect([rig.interruptions, rig.stream.state]).toEqual([['source_ended'], 'recovering']);
    rig.recover(reading(rig.packets, 150, 300));
    expect(rig.recoveries).toHaveLength(1);
  });

  it('tells how long viewers went without a byte, the silence before the interruption included', async () => {
    const rig = await broken();
    rig.recover(reading(rig.packets, 150, 300));
    pass(rig, 12_000);
    rig.interrupt('source_stalled');
    pass(rig, 3_000);
    rig.recover(reading(rig.packets, 250, 400));
    expect(rig.recoveries.map(({ outageMs }) => outageMs)).toEqual([0, 15_000]);
  });

  it('lets a viewer who comes meanwhile begin at once, from the log', async () => {
    const rig = await broken();
    const late = rig.viewer();
    expect(rig.joined).toEqual([0, 1]);
    expect(pidsOf(late.outlet.body).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    rig.recover(reading(rig.packets, 150, 400, 2));
    const { body } = late.outlet;
    expect(body.equals(rig.first.outlet.body.subarray(-body.length))).toBe(true);
  });

  it('is over when its last viewer leaves, and nothing more is tried', async () => {
    const rig = await broken();
    rig.stream.detach(rig.first.reader, 'client-gone');
    expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
    rig.source.end();
    await rig.over();
    expect(rig.segments.held).toBe(0);
  });

  it('and does not come back gives everybody the rest, at their pace, then the end', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const slow = rig.viewer(1_000);
    rig.data(groups(multiplex, SEGMENT_BYTES / 2));
    rig.interrupt();
    rig.source.fail(GAVE_UP);
    await rig.stream.sourceDone;
    await until('the first one is let go', () => rig.detached.length === 1);
    expect([rig.stream.state, rig.stream.isOpen]).toEqual(['draining', false]);
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    await rig.over();
    expect(slow.outlet.body.equals(rig.first.outlet.body)).toBe(true);
    expect(rig.detached.map(({ reason, code }) => [reason, code])).toEqual([
      ['source-failed', 'recovery_failed'],
      ['source-failed', 'recovery_failed'],
    ]);
    expect(rig.states.at(-1)).toEqual(['closed', 'recovery_failed']);
    expect(rig.segments.held).toBe(0);
  });

  it('while it starts is none of its business: that is not live yet', async () => {
    const rig = new StreamRig();
    rig.viewer();
    await rig.start();
    rig.interrupt();
    expect([rig.stream.state, rig.interruptions, rig.stream.snapshot(0).interruptions]).toEqual(['starting', [], 0]);
  });

  it('can be closed by an operator at any time', async () => {
    const rig = await broken({ slate: true });
    pass(rig, 5_000);
    rig.stream.close('closed-by-operator', new SluiceError('stream_closed', ''));
    rig.source.end();
    await rig.over();
    expect([jest.getTimerCount(), rig.segments.held]).toEqual([0, 0]);
    expect(rig.detached.map(({ reason }) => reason)).toEqual(['closed-by-operator']);
  });
});

describe('viewers of a stream that is silent', () => {
  const nulls = (rig: LiveRig): number => pidsOf(rig.first.outlet.body).filter(pid => pid === NULL_PID).length;

  it('get packets that say nothing, once a second after a while, interrupted or not', async () => {
    const rig = await StreamRig.live(new Multiplex());
    pass(rig, 1_000);
    expect(nulls(rig)).toBe(0);
    pass(rig, 1_000);
    expect(nulls(rig)).toBe(7);
    rig.interrupt('source_stalled');
    pass(rig, 3_000);
    expect(nulls(rig)).toBe(4 * 7);
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
    expect(rig.counters.get('bytesIn')).toBe(rig.stream.snapshot(0).bytesIn);
  });

  it('get none while bytes come', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    for (let second = 0; second < 10; second++) {
      rig.data(multiplex.group(2).take());
      pass(rig, 1_000);
    }
    expect(nulls(rig)).toBe(0);
  });

  it('get none before they have had a head, nor when the rest is all that they get', async () => {
    const starting = new StreamRig();
    const waiting = starting.viewer();
    await starting.start();
    pass(starting, 10_000);
    expect(waiting.outlet.received.length).toBe(0);
    const multiplex = new Multiplex();
    const draining = await StreamRig.live(multiplex);
    const slow = draining.viewer(1_000);
    draining.data(multiplex.group(20).take());
    draining.source.end();
    await draining.stream.sourceDone;
    pass(draining, 10_000);
    slow.outlet.room = Number.POSITIVE_INFINITY;
    draining.stream.resume(slow.reader);
    expect(slow.outlet.body.equals(draining.first.outlet.body)).toBe(true);
    expect(nulls(draining)).toBe(0);
  });

  it('see the slate where it is wanted, but only while something is done about it', async () => {
    const rig = await StreamRig.live(new Multiplex(), { slate: true });
    pass(rig, 5_000);
    expect(jest.getTimerCount()).toBe(0); // It does not play.
    const silent = rig.first.outlet.body.length;
    rig.interrupt('source_stalled');
    pass(rig, 1_000);
    expect(jest.getTimerCount()).toBe(0);
    pass(rig, 3_000);
    expect((rig.first.outlet.body.length - silent) / PACKET_BYTES).toBeGreaterThan(2 * 125);
    expect(strictFaults(rig.first.outlet.body)).toEqual([]);
    rig.source.end();
    await rig.over();
    expect([jest.getTimerCount(), rig.segments.held]).toEqual([0, 0]);
  });

  it('see the slate, then the stream again, as one stream', async () => {
    const rig = await broken({ slate: true });
    pass(rig, 6_000);
    rig.recover(reading(rig.packets, 600, 900, 3), 'new-session');
    pass(rig, 1_000);
    expect(jest.getTimerCount()).toBe(0);
    expect(strictFaults(rig.first.outlet.body)).toEqual([]);
    expect(sequencesIn(rig.first.outlet.body).slice(-50)).toEqual(
      sequencesIn(reading(rig.packets, 600, 900)).slice(-50),
    );
  });
});

describe('the memory of a stream', () => {
  const stopped = new SluiceError('stream_closed', '');
  it.each<[string, (rig: LiveRig) => void]>([
    ['its source ends', rig => rig.source.end()],
    ['its source fails', rig => rig.source.fail(GAVE_UP)],
    [
      'it breaks and does not come back',
      rig => {
        rig.interrupt();
        rig.source.fail(GAVE_UP);
      },
    ],
    [
      'it is closed',
      rig => {
        rig.stream.close('closed-by-operator', stopped);
        rig.source.end();
      },
    ],
    [
      'it is closed while its source fails',
      rig => {
        rig.source.fail(GAVE_UP);
        rig.stream.close('shutdown', stopped);
      },
    ],
    [
      'its last viewer leaves',
      rig => {
        rig.stream.detach(rig.first.reader, 'client-gone');
        rig.source.end();
      },
    ],
    [
      'its last viewer leaves it while it drains',
      rig => {
        rig.first.outlet.gone = true;
        rig.stream.data(new Multiplex().group(3).take());
        rig.source.end();
      },
    ],
  ])('is given back when %s', async (_, end) => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    rig.data(groups(multiplex, 3 * SEGMENT_BYTES));
    expect(rig.segments.held).toBe(4);
    end(rig);
    await rig.over();
    expect([rig.segments.held, rig.stream.snapshot(performance.now()).logBytes]).toEqual([0, 0]);
  });

  it('is given back, too, when nobody could join what there was', async () => {
    const rig = new StreamRig();
    rig.viewer();
    await rig.start();
    rig.data(new Multiplex().video(20).take());
    rig.source.fail(GAVE_UP);
    await rig.over();
    expect(rig.segments.held).toBe(0);
  });
});

describe('a feed', () => {
  it.each([
    ['nobody has had a byte', 0, false],
    ['somebody has had bytes from a shard that died', 5_000, true],
  ])('is told when it starts that %s', async (_, bytes, resumes) => {
    const rig = new StreamRig();
    rig.viewer();
    rig.table.setBytes(1, bytes);
    rig.viewer();
    await rig.start();
    expect(rig.source.resumes).toBe(resumes);
  });
});
