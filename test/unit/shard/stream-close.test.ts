import { describe, expect, it } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { StreamRig } from '../support/stream-rig.ts';
import { Multiplex } from '../support/ts.ts';

describe('closing a stream', () => {
  const closed = new SluiceError('stream_closed', 'An operator closed this stream.');

  it('aborts the source and sends everybody away with one reason', async () => {
    const rig = await StreamRig.live(new Multiplex());
    rig.viewer();
    rig.stream.close('closed-by-operator', closed);
    expect([rig.stream.state, rig.source.signal.aborted, rig.stream.readerCount]).toEqual(['closing', true, 0]);
    expect(rig.detached).toEqual([
      { id: 0, reason: 'closed-by-operator', code: 'stream_closed', left: 1 },
      { id: 1, reason: 'closed-by-operator', code: 'stream_closed', left: 0 },
    ]);
    rig.source.end();
    await rig.over();
    expect(rig.states.slice(-2)).toEqual([
      ['closing', 'stream_closed'],
      ['closed', 'stream_closed'],
    ]);
  });

  it('answers readers that were still waiting', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start();
    rig.stream.close('closed-by-operator', closed);
    expect(outlet.head).toContain('503 Service Unavailable');
    expect(JSON.parse(outlet.body.toString()).error.code).toBe('stream_closed');
    expect(rig.source.signal.aborted).toBe(true);
  });

  it('twice does nothing more', async () => {
    const rig = await StreamRig.live(new Multiplex());
    rig.stream.close('closed-by-operator', closed);
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    rig.source.end();
    await rig.over();
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    expect(rig.detached).toHaveLength(1);
    expect(rig.outcome()).toEqual(['starting', 'live', 'closing', 'closed']);
  });

  it('keeps its reason when the source fails on the way out', async () => {
    const rig = await StreamRig.live(new Multiplex());
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    rig.source.fail(new SluiceError('source_ended', ''));
    await rig.over();
    expect(rig.states.at(-1)).toEqual(['closed', 'shutting_down']);
    expect(rig.detached).toEqual([{ id: 0, reason: 'shutdown', code: 'shutting_down', left: 0 }]);
  });

  it('is over only when the source has let go of what it opened', async () => {
    const rig = await StreamRig.live(new Multiplex());
    let over = false;
    void rig.stream.sourceDone.then(() => (over = true));
    rig.stream.close('closed-by-operator', closed);
    await new Promise(resolve => setImmediate(resolve));
    expect([over, rig.stream.state]).toEqual([false, 'closing']);
    rig.source.end();
    await rig.over();
    expect(rig.stream.state).toBe('closed');
  });

  it('detaches a reader at most once, whatever happens to it at the same time', async () => {
    const rig = await StreamRig.live(new Multiplex());
    const { reader } = rig.viewer();
    rig.stream.detach(reader, 'client-gone');
    rig.stream.detach(reader, 'stale');
    rig.stream.resume(reader);
    rig.stream.close('closed-by-operator', closed);
    rig.source.end();
    await rig.over();
    expect(rig.detached.map(({ id, reason }) => [id, reason])).toEqual([
      [1, 'client-gone'],
      [0, 'closed-by-operator'],
    ]);
  });

  it('before its start sends readers away too', () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    rig.stream.close('shutdown', new SluiceError('shutting_down', 'Over.'));
    expect(JSON.parse(outlet.body.toString()).error.code).toBe('shutting_down');
    expect([rig.stream.state, rig.states]).toEqual(['idle', []]);
  });
});
