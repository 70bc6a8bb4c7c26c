import { describe, expect, it } from '@jest/globals';
import { StreamRig } from '../support/stream-rig.ts';
import { faultsIn, Multiplex, PACKET_BYTES, PMT_PID, pidsOf, VIDEO_PID } from '../support/ts.ts';

describe('a reader that a dead shard left behind', () => {
  it('goes on at the grid with announced jumps, and gets no second head', async () => {
    for (const cut of [0, 1, 100, 187]) {
      const multiplex = new Multiplex();
      const first = await StreamRig.live(multiplex);
      first.data(multiplex.group(4).take());
      const received = first.first.outlet.received;
      const sent = first.table.headBytes(0) + 20 * PACKET_BYTES + cut;
      const rig = new StreamRig();
      rig.table.setBytes(0, sent);
      rig.table.setHeadBytes(0, first.table.headBytes(0));
      const { outlet } = rig.viewer();
      await rig.start();
      multiplex.video(5).audio(2).tables().take();
      rig.data(multiplex.group(5).take());
      const whole = Buffer.concat([received.subarray(first.table.headBytes(0), sent), outlet.received]);
      expect(outlet.received.includes('HTTP/1.1')).toBe(false);
      expect({ cut, faults: faultsIn(whole) }).toEqual({ cut, faults: [] });
      expect(pidsOf(whole.subarray(Math.ceil(20 + cut / PACKET_BYTES) * PACKET_BYTES)).slice(0, 3)).toEqual([
        0,
        PMT_PID,
        VIDEO_PID,
      ]);
    }
  });

  it('gets what is missing of its head first', async () => {
    const reference = await StreamRig.live(new Multiplex());
    const head = reference.first.outlet.received.subarray(0, reference.table.headBytes(0));
    const rig = new StreamRig();
    rig.table.setBytes(0, 30);
    rig.table.setHeadBytes(0, head.length);
    const { outlet } = rig.viewer();
    await rig.start();
    rig.data(new Multiplex().group(3).take());
    expect(outlet.received.subarray(0, head.length - 30).equals(head.subarray(30))).toBe(true);
    expect(faultsIn(outlet.received.subarray(head.length - 30))).toEqual([]);
    expect(rig.table.headBytes(0)).toBe(head.length);
  });
});
