import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { FlushResult } from '../../../workers/shard/flush-scheduler.ts';
import { groups, type LiveRig, StreamRig, type Viewer } from '../support/stream-rig.ts';
import { Multiplex } from '../support/ts.ts';
import { until, within } from '../support/waiting.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a round of writing', () => {
  const TIME_IS_UP = Number.NEGATIVE_INFINITY;
  const NO_HURRY = Number.POSITIVE_INFINITY;

  /** A live stream with many readers, all of them at live. */
  async function crowd(readers: number): Promise<{ rig: LiveRig; multiplex: Multiplex; viewers: Viewer[] }> {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const viewers = [rig.first];
    while (viewers.length < readers) viewers.push(rig.viewer());
    expect(rig.stream.flush(NO_HURRY)).toBe('done');
    return { rig, multiplex, viewers };
  }

  /** Calls flush once; tells its result and the readers that were written to, in order, each as often as it was. */
  function flush(rig: StreamRig, viewers: Viewer[], untilMs: number): { result: FlushResult; served: number[] } {
    const served: number[] = [];
    const spies = viewers.map(({ reader, outlet }) => {
      const write = outlet.write.bind(outlet);
      return jest.spyOn(outlet, 'write').mockImplementation((...offer) => {
        served.push(reader.id);
        return write(...offer);
      });
    });
    const result = rig.stream.flush(untilMs);
    for (const spy of spies) spy.mockRestore();
    return { result, served };
  }

  /** Calls flush until the round is over, with no time each; tells who was served in each call. */
  function finish(rig: StreamRig, viewers: Viewer[]): number[][] {
    const calls: number[][] = [];
    for (;;) {
      const { result, served } = flush(rig, viewers, TIME_IS_UP);
      calls.push(served);
      if (result !== 'unfinished') return calls;
      expect(calls.length).toBeLessThan(100);
    }
  }

  const idsOf = (viewers: Viewer[]) => viewers.map(({ reader }) => reader.id);

  it('serves everybody in one call when there is time', async () => {
    const { rig, multiplex, viewers } = await crowd(70);
    rig.stream.data(multiplex.group(2).take());
    expect(flush(rig, viewers, NO_HURRY)).toEqual({ result: 'done', served: idsOf(viewers) });
  });

  it('stops when time is up; the next calls serve exactly those who had no turn', async () => {
    const { rig, multiplex, viewers } = await crowd(70);
    for (let round = 0; round < 3; round++) {
      rig.stream.data(multiplex.group(2).take());
      const calls = finish(rig, viewers);
      expect(calls.length).toBeGreaterThan(2);
      expect(calls.flat()).toEqual(idsOf(viewers));
    }
    for (const { outlet } of viewers) expect(outlet.body.equals(rig.first.outlet.body)).toBe(true);
  });

  it('stops at the time it was told, not before', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const { rig, multiplex, viewers } = await crowd(70);
    rig.stream.data(multiplex.group(2).take());
    for (const { outlet } of viewers) {
      const write = outlet.write.bind(outlet);
      outlet.write = (...offer) => {
        clock.mockReturnValue(performance.now() + 0.05);
        return write(...offer);
      };
    }
    const { result, served } = flush(rig, viewers, 10_002);
    expect(result).toBe('unfinished');
    expect(served.length).toBeGreaterThanOrEqual(40);
    expect(served.length).toBeLessThan(60);
    expect([...served, ...flush(rig, viewers, 20_000).served]).toEqual(idsOf(viewers));
  });

  it('gives those who are still to have their turn what came meanwhile, the others in the next round', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    const before = viewers[0]!.outlet.received.length;
    const first = multiplex.group(2).take();
    const second = multiplex.group(3).take();
    rig.stream.data(first);
    const early = flush(rig, viewers, TIME_IS_UP);
    expect(early.result).toBe('unfinished');
    rig.stream.data(second);
    expect([...early.served, ...finish(rig, viewers).flat()]).toEqual(idsOf(viewers));
    for (const { reader, outlet } of viewers) {
      const got = outlet.received.length - before;
      expect(got).toBe(early.served.includes(reader.id) ? first.length : first.length + second.length);
    }
    // Who is at live already is not written to.
    expect(finish(rig, viewers).flat()).toEqual(early.served);
    for (const { outlet } of viewers) expect(outlet.body.equals(viewers[0]!.outlet.body)).toBe(true);
  });

  it('goes on without those who left, served or not, and gives each one who came their turn', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    const early = flush(rig, viewers, TIME_IS_UP);
    expect(early.result).toBe('unfinished');
    const left = [early.served[0]!, early.served.at(-1)!, early.served.length, 39];
    for (const id of left) rig.stream.detach(viewers[id]!.reader, 'client-gone');
    const newcomers = [rig.viewer(), rig.viewer()];
    const joined = newcomers.map(({ outlet }) => outlet.received.length);
    expect(Math.min(...joined)).toBeGreaterThan(0);
    const more = multiplex.group(1).take();
    rig.stream.data(more);
    const rest = [...viewers, ...newcomers].filter(
      ({ reader }) => !early.served.includes(reader.id) && !left.includes(reader.id),
    );
    expect(finish(rig, [...viewers, ...newcomers]).flat()).toEqual(idsOf(rest));
    expect(newcomers.map(({ outlet }) => outlet.received.length)).toEqual(joined.map(bytes => bytes + more.length));
    const staying = [...viewers, ...newcomers].filter(({ reader }) => !left.includes(reader.id));
    rig.stream.data(multiplex.group(1).take());
    expect(finish(rig, staying).flat()).toEqual(idsOf(staying));
    for (const { outlet } of staying) {
      const { body } = outlet;
      expect(body.equals(viewers[1]!.outlet.body.subarray(-body.length))).toBe(true);
    }
  });

  it('goes on where it was when a reader breaks in its middle', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    for (const id of [3, 20]) viewers[id]!.outlet.gone = true;
    expect(finish(rig, viewers).flat()).toEqual(idsOf(viewers));
    expect(rig.detached.map(({ id }) => id)).toEqual([3, 20]);
  });

  it('has more when a reader of an earlier call would have taken more, and forgets that in the next round', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    const [slow] = viewers;
    slow!.outlet.room = 0;
    for (let i = 0; i < 2; i++) rig.data(groups(multiplex, 1 << 20));
    slow!.outlet.room = Number.POSITIVE_INFINITY;
    slow!.reader.unblock();
    const results: FlushResult[] = [];
    for (let round = 0; round < 2; round++) {
      let result: FlushResult;
      do {
        result = rig.stream.flush(TIME_IS_UP);
        results.push(result);
      } while (result === 'unfinished');
    }
    expect(results).toEqual(['unfinished', 'unfinished', 'more', 'unfinished', 'unfinished', 'done']);
    expect(slow!.outlet.body.equals(viewers[1]!.outlet.body)).toBe(true);
  });

  it('ends with the stream: nobody is written to any more', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    expect(flush(rig, viewers, TIME_IS_UP).result).toBe('unfinished');
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    expect(flush(rig, viewers, TIME_IS_UP)).toEqual({ result: 'done', served: [] });
  });

  it('lets each reader of a stream that drains go at their turn, those who had theirs before in the next round', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    const early = flush(rig, viewers, TIME_IS_UP);
    expect(early.result).toBe('unfinished');
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    expect(rig.stream.state).toBe('draining');
    finish(rig, viewers);
    expect(rig.detached.map(({ id }) => id)).toEqual(idsOf(viewers).filter(id => !early.served.includes(id)));
    expect(rig.stream.flush(NO_HURRY)).toBe('done');
    expect([rig.stream.readerCount, rig.stream.state]).toEqual([0, 'closed']);
    for (const { outlet } of viewers) expect(outlet.body.equals(rig.first.outlet.body)).toBe(true);
  });

  it('goes on by itself until everybody was served', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    const before = rig.first.outlet.received.length;
    const bytes = multiplex.group(2).take();
    rig.stream.data(Buffer.from(bytes));
    await until('the bytes arrive', () =>
      viewers.every(({ outlet }) => outlet.received.length === before + bytes.length),
    );
  });
});
