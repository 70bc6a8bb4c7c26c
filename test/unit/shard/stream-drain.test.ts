import { describe, expect, it } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { StreamRig, type Viewer } from '../support/stream-rig.ts';
import { Multiplex } from '../support/ts.ts';
import { until, within } from '../support/waiting.ts';

describe('a live stream whose source has ended', () => {
  const broken = new SluiceError('source_stalled', 'Silent.');

  it('hands a reader that took less than there was the rest, in as many passes as it takes', async () => {
    const rig = new StreamRig();
    const { outlet } = rig.viewer();
    await rig.start();
    const body = Buffer.alloc(5 << 20, 1);
    rig.stream.data(Buffer.from(body));
    rig.source.end();
    await rig.over();
    expect(outlet.body.equals(body)).toBe(true);
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-ended', code: 'source_ended', left: 0 }]);
    expect(rig.outcome()).toEqual(['starting', 'live', 'draining', 'closed']);
  });

  it('waits for readers that are behind, each at its own pace, and lets go of one that has everything at once', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const slow = [rig.viewer(1_000), rig.viewer(1_000)];
    rig.data(multiplex.group(20).take());
    rig.source.fail(broken);
    await within('the source lets go', rig.stream.sourceDone);
    await until('the first one is let go', () => rig.detached.length === 1);
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-failed', code: 'source_stalled', left: 2 }]);
    for (const { reader, outlet } of slow) {
      expect([rig.stream.state, outlet.ended]).toEqual(['draining', 0]);
      while (outlet.ended === 0) {
        outlet.room = 3_000;
        rig.stream.resume(reader);
      }
      expect(outlet.body.equals(rig.first.outlet.body)).toBe(true);
      expect(outlet.ended).toBe(1);
    }
    expect(rig.detached.slice(1)).toEqual([
      { id: 1, reason: 'source-failed', code: 'source_stalled', left: 1 },
      { id: 2, reason: 'source-failed', code: 'source_stalled', left: 0 },
    ]);
    expect(rig.states.slice(-2)).toEqual([
      ['draining', 'source_stalled'],
      ['closed', 'source_stalled'],
    ]);
  });

  it('takes no new reader, and needs its source no longer', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    rig.viewer(1_000);
    rig.data(multiplex.group(20).take());
    expect(rig.stream.isOpen).toBe(true);
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    expect([rig.stream.state, rig.stream.isOpen]).toEqual(['draining', false]);
  });

  it.each([
    ['leaves', 'client-gone', (rig: StreamRig, { reader }: Viewer) => rig.stream.detach(reader, 'client-gone')],
    [
      'breaks',
      'client-gone',
      (rig: StreamRig, { reader, outlet }: Viewer) => {
        outlet.gone = true;
        rig.stream.resume(reader);
      },
    ],
    ['takes nothing', 'stale', (rig: StreamRig) => rig.stream.sweep(performance.now() + 30_001)],
    [
      'is sent away',
      'shutdown',
      (rig: StreamRig) => rig.stream.close('shutdown', new SluiceError('shutting_down', '')),
    ],
  ])('closes when the last reader %s', async (_, reason, act) => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    const slow = rig.viewer(1_000);
    rig.data(multiplex.group(20).take());
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    await until('the first one is let go', () => rig.detached.length === 1);
    expect(rig.stream.state).toBe('draining');
    act(rig, slow);
    expect(rig.stream.state).toBe('closed');
    expect(rig.detached.slice(1)).toEqual([expect.objectContaining({ id: 1, reason, left: 0 })]);
    expect(slow.outlet.ended).toBe(1);
    expect(rig.outcome()).toEqual(['starting', 'live', 'draining', 'closed']);
  });

  it('sends everybody away at once when it is closed meanwhile', async () => {
    const multiplex = new Multiplex();
    const rig = await StreamRig.live(multiplex);
    for (let i = 0; i < 3; i++) rig.viewer(1_000);
    rig.data(multiplex.group(20).take());
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    await until('the first one is let go', () => rig.detached.length === 1);
    rig.stream.close('closed-by-operator', new SluiceError('stream_closed', ''));
    expect(rig.detached.slice(1).map(({ id, reason }) => [id, reason])).toEqual(
      [1, 2, 3].map(id => [id, 'closed-by-operator']),
    );
    expect(rig.states.at(-1)).toEqual(['closed', 'stream_closed']);
  });
});
