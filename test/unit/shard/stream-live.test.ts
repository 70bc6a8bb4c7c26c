import { describe, expect, it } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { INFO, StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, offsetsOf, PMT_PID, pidAt, pidsOf, VIDEO_PID } from '../support/ts.ts';
import { until } from '../support/waiting.ts';

describe('a stream that is live', () => {
  it('lets a late reader join at the newest random-access point, up to live', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    rig.data(multiplex.group(4).take());
    const newest = multiplex.group(4).take();
    rig.data(newest);
    const { outlet } = rig.viewer();
    const later = multiplex.group(4).take();
    rig.data(later);
    expect(outlet.body.equals(Buffer.concat([newest, later]))).toBe(true);
    expect(rig.joined).toEqual([0, 1]);
  });

  it('gives the late reader its first bytes at once', async () => {
    const rig = await StreamRig.live(new Multiplex());
    expect(pidsOf(rig.viewer().outlet.body).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
  });

  it('gives all readers the same bytes from where they joined', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const viewers = [rig.first];
    for (let i = 0; i < 6; i++) {
      viewers.push(rig.viewer());
      const bytes = multiplex.group(3 + i).take();
      for (let at = 0; at < bytes.length; at += 1000) rig.data(bytes.subarray(at, at + 1000));
    }
    const reference = rig.first.outlet.body;
    for (const { outlet } of viewers) {
      expect(outlet.body.equals(reference.subarray(-outlet.body.length))).toBe(true);
      expect(faultsIn(outlet.body)).toEqual([]);
    }
  });

  it('sends by itself, without anybody flushing', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const before = rig.first.outlet.received.length;
    const bytes = multiplex.group(3).take();
    rig.stream.data(Buffer.from(bytes));
    await until('the bytes arrive', () => rig.first.outlet.received.length === before + bytes.length);
  });

  it('keeps the source running as long as anybody is there, and ends it with the last', async () => {
    const rig = await StreamRig.live(new Multiplex());
    const second = rig.viewer();
    rig.stream.detach(rig.first.reader, 'client-gone');
    expect([rig.source.signal.aborted, rig.stream.state]).toEqual([false, 'live']);
    rig.stream.detach(second.reader, 'client-gone');
    expect([rig.source.signal.aborted, rig.stream.state]).toEqual([true, 'closing']);
    expect([rig.first.outlet.ended, second.outlet.ended]).toEqual([1, 1]);
    rig.source.end();
    await rig.over();
    expect(rig.outcome()).toEqual(['starting', 'live', 'closing', 'closed']);
    expect(rig.detached.map(({ reason, code }) => [reason, code])).toEqual([
      ['client-gone', undefined],
      ['client-gone', undefined],
    ]);
  });

  it('detaches a reader whose connection broke, and only that one', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const broken = rig.viewer();
    broken.outlet.gone = true;
    rig.data(multiplex.group(3).take());
    expect(rig.detached).toEqual([{ id: 1, reason: 'client-gone', code: undefined, left: 1 }]);
    expect(rig.stream.state).toBe('live');
  });

  it('ends when the only reader breaks while it is written to', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    rig.first.outlet.gone = true;
    rig.data(multiplex.group(3).take());
    expect(rig.source.signal.aborted).toBe(true);
    rig.data(multiplex.group(3).take());
    rig.source.end();
    await rig.over();
    expect(rig.detached).toHaveLength(1);
  });

  it('survives that the only reader is gone at the very moment of joining', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    outlet.gone = true;
    await rig.start();
    rig.data(new Multiplex().group(3).take());
    expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
    rig.source.end();
    await rig.over();
    expect(rig.detached).toEqual([{ id: 0, reason: 'client-gone', code: undefined, left: 0 }]);
  });

  it('ends its readers without an answer in the body when the source fails', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const rest = multiplex.group(3).take();
    rig.stream.data(Buffer.from(rest));
    rig.source.fail(new SluiceError('source_stalled', 'Silent.'));
    await rig.over();
    expect(rig.first.outlet.body.subarray(-rest.length).equals(rest)).toBe(true);
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-failed', code: 'source_stalled', left: 0 }]);
    expect(rig.states.at(-1)).toEqual(['closed', 'source_stalled']);
  });

  it('says what it is in its snapshot', async () => {
    const rig = await StreamRig.live(new Multiplex());
    rig.viewer();
    expect(rig.stream.snapshot(performance.now())).toMatchObject({
      key: 'some-key',
      infohash: INFO.infohash,
      origin: INFO.origin,
      state: 'live',
      readers: 2,
      bytesIn: rig.counters.get('bytesIn'),
      logBytes: SEGMENT_BYTES,
      packetFormat: 'mpegts',
    });
  });
});

describe('damage of the upstream', () => {
  it('is counted, and readers get whole packets only', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    rig.data(Buffer.alloc(333, 0xaa));
    rig.data(multiplex.group(5).take());
    expect([rig.counters.get('bytesDiscarded'), rig.counters.get('resyncs')]).toEqual([333, 1]);
    const { body } = rig.first.outlet;
    expect(offsetsOf(body).filter(at => body[at] !== 0x47)).toEqual([]);
    expect(faultsIn(body)).toEqual([]);
    expect(offsetsOf(body).filter(at => pidAt(body, at) === PMT_PID)).toHaveLength(2);
  });
});
