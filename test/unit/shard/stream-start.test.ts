import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { segmentsOf } from '../support/logs.ts';
import { StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, PACKET_BYTES, PMT_PID, pidsOf, VIDEO_PID } from '../support/ts.ts';
import { until } from '../support/waiting.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the start of a stream', () => {
  it('opens the source once for any number of readers', async () => {
    const rig = new StreamRig();
    for (let i = 0; i < 5; i++) rig.viewer();
    await rig.start();
    rig.viewer();
    rig.data(new Multiplex().group().take());
    expect([rig.source.runs, rig.stream.readerCount, rig.joined]).toEqual([1, 6, [0, 1, 2, 3, 4, 5]]);
    expect(rig.states).toEqual([
      ['starting', undefined],
      ['live', undefined],
    ]);
  });

  it('begins with what there is memory for, at a random-access point of that, when there was none at first', async () => {
    const store = segmentsOf(1);
    const taken = store.take()!;
    const rig = new StreamRig({}, store);
    const viewer = rig.viewer();
    await rig.start();
    const multiplex = new Multiplex();
    const lost = multiplex.video(3).group(5).group(2).take();
    rig.data(lost);
    expect([rig.stream.state, rig.counters.get('bytesWithoutMemory')]).toEqual(['starting', lost.length]);
    store.give(taken);
    rig.data(multiplex.video(20).take());
    const group = multiplex.group(4).take();
    rig.data(group);
    expect(rig.stream.state).toBe('live');
    expect(viewer.outlet.body.subarray(-group.length).equals(group)).toBe(true);
    expect(pidsOf(viewer.outlet.body).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(viewer.outlet.body[2 * PACKET_BYTES + 5]! & 0x40).toBe(0x40);
    expect(faultsIn(viewer.outlet.body)).toEqual([]);
  });

  it('waits until the previous run of the content has let go', async () => {
    const rig = new StreamRig();
    rig.viewer();
    let release: () => void = () => {};
    rig.stream.start(new Promise<void>(resolve => (release = resolve)));
    await new Promise(resolve => setImmediate(resolve));
    expect(rig.source.runs).toBe(0);
    release();
    await until('the source runs', () => rig.source.running);
  });

  it('opens nothing when everybody left while it waited for its turn', async () => {
    const rig = new StreamRig();
    const { reader } = rig.viewer();
    let release: () => void = () => {};
    rig.stream.start(new Promise<void>(resolve => (release = resolve)));
    rig.stream.detach(reader, 'client-gone');
    release();
    await rig.over();
    expect(rig.source.runs).toBe(0);
    expect(rig.outcome()).toEqual(['starting', 'closing', 'closed']);
  });

  it('holds readers until there is a place to join, and sends them nothing before', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start();
    const multiplex = new Multiplex();
    rig.data(multiplex.picture('h264Slice').video(5).audio(2).tables().take());
    rig.data(multiplex.picture('h264Slice').video(5).take());
    expect([rig.stream.state, outlet.received.length, rig.joined]).toEqual(['starting', 0, []]);
    rig.data(multiplex.keyFrame(0).take());
    expect([rig.stream.state, rig.joined]).toEqual(['live', [0]]);
    expect(pidsOf(outlet.body)).toEqual([0, PMT_PID, VIDEO_PID]);
  });

  it('begins with the head, PAT, PMT and the random-access packet, then everything up to live, exactly', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start({ contentType: 'video/x-test' });
    const multiplex = new Multiplex();
    const early = multiplex.picture('h264Slice').video(3).take();
    const group = multiplex.group(5).take();
    const later = multiplex.group(5).take();
    rig.data(Buffer.concat([early, group]).subarray(50));
    rig.data(later);
    expect(outlet.head).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: video\/x-test\r\n/);
    expect(outlet.body.equals(Buffer.concat([group, later]))).toBe(true);
    expect(faultsIn(outlet.body)).toEqual([]);
    expect(rig.table.headBytes(0)).toBe(outlet.received.length - outlet.body.length);
    expect(rig.table.bytes(0)).toBe(outlet.received.length);
    expect([rig.counters.get('bytesOut'), rig.counters.get('joins')]).toEqual([outlet.received.length, 1]);
  });

  it('joins without a random-access point when none came for a while', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    rig.data(multiplex.picture('h264Slice').video(20).take());
    clock.mockReturnValue(12_999);
    rig.data(multiplex.picture('h264Slice').video(20).take());
    expect(rig.stream.state).toBe('starting');
    clock.mockReturnValue(13_000);
    rig.data(multiplex.picture('h264Slice').take());
    expect(rig.stream.state).toBe('live');
    expect(outlet.body.length).toBe(43 * PACKET_BYTES);
    expect(faultsIn(outlet.body)).toEqual([]);
  });

  it('joins without a random-access point when much came without one', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start();
    const chunk = new Multiplex().video(5000).take();
    for (let i = 0; i < 8; i++) rig.data(chunk);
    expect([rig.stream.state, outlet.received.length]).toEqual(['starting', 0]);
    rig.data(chunk);
    expect(rig.stream.state).toBe('live');
    expect(outlet.body.length).toBe(9 * 5000 * PACKET_BYTES);
  });

  it('that fails answers every reader with the reason and detaches each once', async () => {
    const rig = new StreamRig();
    const viewers = [rig.viewer(), rig.viewer()];
    await rig.start();
    rig.source.fail(new SluiceError('no_peers', 'Nobody shares it.'));
    await rig.over();
    for (const { outlet } of viewers) {
      expect(outlet.head).toContain('HTTP/1.1 504 Gateway Timeout');
      expect(JSON.parse(outlet.body.toString())).toEqual({ error: { code: 'no_peers', message: 'Nobody shares it.' } });
      expect(outlet.ended).toBe(1);
    }
    expect(rig.detached).toEqual([
      { id: 0, reason: 'start-failed', code: 'no_peers', left: 1 },
      { id: 1, reason: 'start-failed', code: 'no_peers', left: 0 },
    ]);
    expect(rig.states.at(-1)).toEqual(['closed', 'no_peers']);
  });

  it('that crashes says only "internal" to users and the cause to the log', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start();
    rig.source.fail(new TypeError('hunter2'));
    await rig.over();
    expect(outlet.received.toString()).not.toContain('hunter2');
    expect(outlet.head).toContain('500');
    expect(rig.events).toEqual([['feed crashed', { cause: 'TypeError: hunter2' }]]);
  });

  it('that ends without a byte answers every reader', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start();
    rig.source.end();
    await rig.over();
    expect(JSON.parse(outlet.body.toString()).error.code).toBe('source_ended');
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-ended', code: 'source_ended', left: 0 }]);
  });

  it('that ends before anybody could join hands out what there was', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start({ contentType: 'text/plain' });
    rig.data(Buffer.from('not a transport stream'));
    expect(rig.stream.state).toBe('starting');
    rig.source.end();
    await rig.over();
    expect(outlet.head).toContain('text/plain');
    expect(outlet.body.toString()).toBe('not a transport stream');
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-ended', code: 'source_ended', left: 0 }]);
    expect(rig.outcome()).toEqual(['starting', 'live', 'draining', 'closed']);
  });
});

describe('a body that is not a transport stream', () => {
  const body = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * 7) % 71));

  it('is handed on byte for byte under its own content type', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start({ contentType: 'video/x-matroska' });
    for (let at = 0; at < body.length; at += 999) rig.data(body.subarray(at, at + 999));
    expect(outlet.head).toContain('Content-Type: video/x-matroska');
    expect(outlet.body.equals(body)).toBe(true);
    expect(rig.stream.snapshot(0).packetFormat).toBe('bytes');
    expect(rig.counters.get('bytesDiscarded')).toBe(0);
  });

  it('reaches a late reader from where it is', async () => {
    const rig = new StreamRig();
    rig.viewer();
    await rig.start();
    rig.data(body);
    const { outlet } = rig.viewer();
    rig.data(Buffer.from('later'));
    expect(outlet.body.toString()).toBe('later');
  });
});
