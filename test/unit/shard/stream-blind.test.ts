import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import type { ShardSettings } from '../../../src/shared/protocol.ts';
import type { ScriptedOutlet } from '../support/scripted-outlet.ts';
import { type LiveRig, StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, PACKET_BYTES, PMT_PID, pidsOf } from '../support/ts.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a stream without a random-access point', () => {
  /** Live by the time that passed; tables and pictures, none of them a key frame. */
  async function blind(settings: Partial<ShardSettings> = {}): Promise<LiveRig & { group: () => Buffer }> {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const rig = new StreamRig(settings);
    const first = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    let length = 0;
    const group = (): Buffer => {
      multiplex.tables();
      for (let i = 0; i < 6 + (length++ % 5); i++) multiplex.picture('h264Slice').video(3).audio();
      return multiplex.take();
    };
    rig.data(group());
    clock.mockReturnValue(13_000);
    rig.data(group());
    clock.mockRestore();
    expect(rig.stream.state).toBe('live');
    return Object.assign(rig, { first, group });
  }

  it('lets a late reader begin exactly at live with the tables, whose counters fit what follows', async () => {
    const rig = await blind();
    const late: { outlet: ScriptedOutlet; since: Buffer[] }[] = [];
    for (let i = 0; i < 6; i++) {
      late.push({ outlet: rig.viewer().outlet, since: [] });
      const group = rig.group();
      // In two pieces, so that some come in the middle of a group.
      for (const piece of [group.subarray(0, 7 * PACKET_BYTES), group.subarray(7 * PACKET_BYTES)]) {
        for (const { since } of late) since.push(piece);
        rig.data(piece);
        late.push({ outlet: rig.viewer().outlet, since: [] });
      }
    }
    rig.data(rig.group());
    for (const { outlet, since } of late) {
      expect(pidsOf(outlet.body).slice(0, 2)).toEqual([0, PMT_PID]);
      const expected = Buffer.concat(since);
      expect(outlet.body.subarray(2 * PACKET_BYTES, 2 * PACKET_BYTES + expected.length).equals(expected)).toBe(true);
      expect(faultsIn(outlet.body)).toEqual([]);
    }
  });

  it('moves a slow reader ahead to live with every jump announced', async () => {
    const rig = await blind({ logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(50_000);
    for (let bytes = 0; bytes < 4 * SEGMENT_BYTES; ) {
      const group = rig.group();
      bytes += group.length;
      rig.data(group);
    }
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.data(rig.group());
    expect(rig.skipped).toHaveLength(1);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
  });

  it('and without tables lets a late reader begin at live, and announces the jumps of one that is moved ahead', async () => {
    const rig = new StreamRig({ logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(10_000);
    await rig.start();
    const multiplex = new Multiplex();
    rig.data(multiplex.video(50_000).take());
    rig.data(multiplex.video(3_000).audio(50).stuffing(3).take());
    expect(rig.stream.state).toBe('live');
    const late = rig.viewer();
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    const rest = multiplex.audio(10).video(10).take();
    rig.data(rest);
    expect(rig.skipped).toEqual([{ id: 0, bytes: expect.any(Number) }]);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(slow.outlet.body.subarray(-rest.length).equals(rest)).toBe(true);
    expect(late.outlet.body.equals(rest)).toBe(true);
  });
});
