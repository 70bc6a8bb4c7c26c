import { describe, expect, it } from '@jest/globals';
import { TIMESTAMP_MODULO } from '../../../src/shared/timestamps.ts';
import { Seam } from '../../../workers/shard/seam.ts';
import {
  broadcast,
  GROUP_PACKETS,
  isFlagged,
  reading,
  SERVICE_PID,
  sequencesIn,
  strictFaults,
} from '../support/broadcast.ts';
import { seededRandom } from '../support/random.ts';
import { SeamRig } from '../support/seam-rig.ts';
import { AUDIO_PID, NULL_PID, offsetsOf, PACKET_BYTES, PMT_PID, pidAt, pidsOf, VIDEO_PID } from '../support/ts.ts';

const SECOND = 90_000;
const PACKETS = 20 * GROUP_PACKETS;
const show = broadcast({ packets: PACKETS });

const hasPcr = (packet: Buffer): boolean => (packet[3]! & 0x20) !== 0 && packet[4]! >= 7 && (packet[5]! & 0x10) !== 0;
const lastPcr = (packets: readonly Buffer[], from: number, to: number): number => {
  for (let i = to - 1; i >= from; i--) if (hasPcr(packets[i]!)) return i;
  return -1;
};
/** Number of the first key frame at or behind a packet. */
const keyFrom = (packet: number): number => Math.ceil((packet - 2) / GROUP_PACKETS) * GROUP_PACKETS + 2;
const startsUnit = (bytes: Buffer, at: number): boolean => (bytes[at + 1]! & 0x40) !== 0;
const hasPayload = (bytes: Buffer, at: number): boolean => (bytes[at + 3]! & 0x10) !== 0;

/** Copies of packets, renumbered in the order in which they are. */
function inOrder(packets: readonly Buffer[]): Buffer[] {
  const counters = new Map<number, number>();
  return packets.map(original => {
    const packet = Buffer.from(original);
    const pid = pidAt(packet, 0);
    counters.set(pid, ((counters.get(pid) ?? 0) + (hasPayload(packet, 0) ? 1 : 0)) & 15);
    packet[3] = (packet[3]! & 0xf0) | counters.get(pid)!;
    return packet;
  });
}

/** The packets without their counters. */
function unnumbered(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (const at of offsetsOf(copy)) copy[at + 3]! &= 0xf0;
  return copy;
}

/** Checks what must be right after every jump. @returns the sequence numbers behind it */
function expectJump(rig: SeamRig, before: Buffer, expectedFirst: number): number[] {
  const after = rig.take();
  expect(strictFaults(Buffer.concat([before, after]))).toEqual([]);
  expect(pidsOf(after).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
  const firsts = new Map<number, number>();
  for (const at of offsetsOf(after)) {
    const pid = pidAt(after, at);
    if (pid !== NULL_PID && hasPayload(after, at) && !firsts.has(pid)) firsts.set(pid, at);
  }
  for (const at of firsts.values()) expect(startsUnit(after, at)).toBe(true);
  const announced = new Map<number, number>();
  for (const at of offsetsOf(after).filter(offset => isFlagged(after, offset)))
    announced.set(pidAt(after, at), (announced.get(pidAt(after, at)) ?? 0) + 1);
  expect([...announced.entries()].sort((a, b) => a[0] - b[0])).toEqual([
    [VIDEO_PID, 1],
    [AUDIO_PID, 1],
  ]);
  const video = sequencesIn(after, [VIDEO_PID]);
  expect(video[0]).toBe(expectedFirst);
  return video;
}

describe('the first reading', () => {
  it('passes as it is, without being copied, wherever it begins', () => {
    const bytes = reading(show, 17);
    const runs: Buffer[] = [];
    const seam = new Seam(run => runs.push(run));
    const first = bytes.subarray(0, 40 * PACKET_BYTES);
    const second = bytes.subarray(40 * PACKET_BYTES);
    const before = Buffer.from(bytes);
    seam.push(first);
    seam.push(second);
    expect(runs[0]).toBe(first);
    expect(runs[1]).toBe(second);
    expect(bytes.equals(before)).toBe(true);
    expect([seam.searching, seam.lastSearch]).toEqual([false, undefined]);
  });

  it('may be announced, and may fail before it brought anything', () => {
    const rig = new SeamRig().begin('other-content').begin('same-content').push(reading(show, 5));
    expect(rig.output.equals(reading(show, 5))).toBe(true);
  });

  it('keeps its own flaws: counters that jump, damaged and scrambled packets', () => {
    const bytes = reading([...show.slice(0, 30), ...show.slice(33, 90), ...show.slice(120)]);
    bytes[40 * PACKET_BYTES + 1]! |= 0x80;
    bytes[50 * PACKET_BYTES + 3]! |= 0xc0;
    expect(new SeamRig().push(bytes).output.equals(bytes)).toBe(true);
  });
});

describe('a reading that repeats the recent past', () => {
  it('goes on right behind it, whatever it repeats, however it is cut and numbered', () => {
    const random = seededRandom(1);
    const upTo = (limit: number): number => Math.floor(random() * limit);
    for (let round = 0; round < 400; round++) {
      const from = upTo(300);
      const to = from + 1 + upTo(500);
      const anchor = lastPcr(show, from, to);
      if (anchor < 0) continue;
      const again = upTo(anchor + 1);
      const rig = new SeamRig();
      rig.push(reading(show, from, to), () => 1 + upTo(40));
      rig.begin('same-content').push(reading(show, again, PACKETS, upTo(16)), () => 1 + upTo(40));
      // A PID that shows up for the first time now is numbered as the second reading does it.
      const right = unnumbered(rig.output).equals(unnumbered(reading(show, from)));
      expect({ round, from, to, again, right }).toEqual({ round, from, to, again, right: true });
      expect(strictFaults(rig.output)).toEqual([]);
      expect(rig.seam.lastSearch).toEqual({
        outcome: 'seamless',
        clockJumpMs: 0,
        repeatedPackets: to - again,
        searchedPackets: 0,
        elapsedMs: 0,
      });
    }
  });

  it('does so again and again, though every reading is numbered in its own way', () => {
    const rig = new SeamRig();
    for (let i = 0; i < 30; i++) {
      if (i > 0) rig.begin('same-content');
      rig.push(reading(show, Math.max(0, i * 39 - 100), i * 40 + 35, i));
    }
    expect(rig.output.equals(reading(show, 0, 29 * 40 + 35))).toBe(true);
  });

  it('does so from one packet before the end, or with nothing behind the latest PCR', () => {
    for (const to of [3, 4, 15, 27 + 12]) {
      const anchor = lastPcr(show, 0, to);
      const rig = new SeamRig()
        .push(reading(show, 0, to))
        .begin('same-content')
        .push(reading(show, anchor));
      expect(rig.output.equals(reading(show))).toBe(true);
    }
  });

  it('does so over the wrap of the clock', () => {
    const late = broadcast({ packets: PACKETS, firstPcr: TIMESTAMP_MODULO - 300 * 300 });
    for (const to of [295, 302, 310, 340]) {
      const rig = new SeamRig()
        .push(reading(late, 0, to))
        .begin('same-content')
        .push(reading(late, 10, PACKETS, 3));
      expect(rig.output.equals(reading(late))).toBe(true);
    }
  });

  it('holds everything back until the place is reached', () => {
    const rig = new SeamRig().push(reading(show, 0, 400)).begin('same-content');
    expect(rig.seam.searching).toBe(true);
    rig.take();
    rig.push(reading(show, 100, 400));
    expect([rig.seam.searching, rig.take().length]).toEqual([false, 0]);
    rig.push(reading(show, 400, 410));
    expect(rig.take().equals(reading(show, 400, 410))).toBe(true);
  });

  it('numbers on what the repetition did not show', () => {
    // The service PID comes once a group: between the start of the repetition and its end it does not.
    const rig = new SeamRig()
      .push(reading(show, 0, 85))
      .begin('same-content')
      .push(reading(show, 70, PACKETS, 5));
    expect(pidsOf(reading(show, 70, 85))).not.toContain(SERVICE_PID);
    expect(rig.output.equals(reading(show))).toBe(true);
  });

  it('goes on with a burst of 30 MB that ends in it', () => {
    const packets = broadcast({ packets: 160_020, ticksPerPacket: 15 });
    const rig = new SeamRig();
    rig.push(reading(packets, 0, 160_000), () => 5_000).begin('same-content');
    rig.take();
    rig.push(reading(packets, 3), () => 348);
    expect(rig.output.equals(reading(packets, 160_000))).toBe(true);
  });

  it('is not taken for one by its clock alone', () => {
    // Another broadcast with the very same times.
    const other = broadcast({ packets: PACKETS, fill: 5 });
    const rig = new SeamRig().push(reading(show, 0, 410));
    const before = rig.take();
    rig.begin('same-content').push(reading(other, 300));
    expectJump(rig, before, keyFrom(410));
    expect(rig.seam.lastSearch).toMatchObject({ outcome: 'jump' });
  });

  it('is not taken for one when it differs behind the latest clock, and nothing is shown twice then', () => {
    for (const differs of [399, 403, 409]) {
      const other = [...show];
      other[differs] = Buffer.from(show[differs]!);
      other[differs]![187]! ^= 0x55;
      const rig = new SeamRig().push(reading(show, 0, 410));
      const before = rig.take();
      rig.begin('same-content').push(reading(other, 300));
      expectJump(rig, before, keyFrom(410));
    }
  });
});

describe('a reading that has moved on', () => {
  it('goes on at its first random-access point, with tables, whole units and the jump announced', () => {
    const random = seededRandom(2);
    const upTo = (limit: number): number => Math.floor(random() * limit);
    for (let round = 0; round < 200; round++) {
      const to = 3 + upTo(300);
      const again = to + 12 + upTo(400);
      const rig = new SeamRig().push(reading(show, 0, to), () => 1 + upTo(40));
      const before = rig.take();
      rig.begin('same-content').push(reading(show, again, PACKETS, upTo(16)), () => 1 + upTo(40));
      // Tables have to come before the key frame; those stand right before it.
      const key = again % GROUP_PACKETS === 0 ? again + 2 : keyFrom(again + 2);
      const video = expectJump(rig, before, key);
      expect(video).toEqual(sequencesIn(reading(show, key), [VIDEO_PID]));
      expect(rig.seam.lastSearch).toMatchObject({ outcome: 'jump', repeatedPackets: 0, searchedPackets: key - again });
    }
  });

  it('leaves out the rest of units whose start it did not show, on every PID', () => {
    const rig = new SeamRig().push(reading(show, 0, 100));
    rig.take();
    // The key frame is followed by an audio unit; let that begin before it.
    const packets = inOrder([
      ...show.slice(238, 242),
      show[244]!,
      show[242]!,
      show[245]!,
      show[243]!,
      ...show.slice(246),
    ]);
    rig.begin('same-content').push(reading(packets));
    expect(sequencesIn(rig.output, [AUDIO_PID])[0]).toBe(251);
    expect(rig.seam.unstartedPackets).toBe(1);
  });

  it('tells by how much the clock jumped', () => {
    const rig = new SeamRig()
      .push(reading(show, 0, 100))
      .begin('same-content')
      .push(reading(show, 150));
    expect(rig.seam.lastSearch!.clockJumpMs).toBeCloseTo(((182 - 100) * 300) / 90, 0);
  });

  it('knows what the clock would show by now', () => {
    const packets = broadcast({ packets: 200, firstPcr: TIMESTAMP_MODULO - SECOND });
    const rig = new SeamRig();
    expect(rig.seam.clock).toBeUndefined();
    rig.push(reading(packets, 0, 100));
    expect(rig.seam.clock! / 300).toBeCloseTo(TIMESTAMP_MODULO - SECOND + 100 * 300, 0);
    rig.nowMs += 2_500;
    expect(rig.seam.clock! / 300).toBeCloseTo(1.5 * SECOND + 100 * 300, 0);
  });

  it('passes over random-access points of the past, also where no clock is quite the same', () => {
    for (const firstPcr of [0, TIMESTAMP_MODULO - 420 * 300]) {
      const packets = broadcast({ packets: PACKETS, firstPcr });
      const restamped = broadcast({ packets: PACKETS, firstPcr: firstPcr + 1 });
      const rig = new SeamRig().push(reading(packets, 0, 410));
      const before = rig.take();
      rig.begin('same-content').push(reading(restamped, 100));
      expectJump(rig, before, 422);
      expect(rig.seam.lastSearch!.repeatedPackets).toBe(375 - 100);
    }
  });

  it.each([
    [119, 422],
    [121, 2],
  ])('takes a clock that is %i s back for the past or for a new one', (secondsBack, first) => {
    const packets = broadcast({ packets: PACKETS, firstPcr: 1000 * SECOND });
    const back = broadcast({ packets: PACKETS, firstPcr: (1000 - secondsBack) * SECOND + 398 * 300 });
    const rig = new SeamRig().push(reading(packets, 0, 410));
    const before = rig.take();
    // A clock of the past only counts until patience ends.
    rig.begin('same-content').push(reading(back, 0, 419));
    if (first > 419) {
      expect(rig.take()).toHaveLength(0);
      rig.nowMs += 5_000;
    }
    rig.push(reading(back, 419));
    expectJump(rig, before, first);
  });

  it('takes any random-access point after 5 s', () => {
    const rig = new SeamRig().push(reading(show, 0, 1000));
    const before = rig.take();
    const other = broadcast({ packets: PACKETS, firstPcr: 1 });
    rig.begin('same-content');
    rig.nowMs += 60_000; // Until the first packet nothing can be found.
    rig.push(reading(other, 0, 100));
    rig.nowMs += 4_999;
    rig.push(reading(other, 100, 230));
    expect(rig.seam.searching).toBe(true);
    rig.nowMs += 1;
    rig.push(reading(other, 230));
    expectJump(rig, before, 242);
    expect(rig.seam.lastSearch!.elapsedMs).toBe(5_000);
  });

  it('takes any random-access point after 64 MiB', () => {
    const packets = broadcast({ packets: 6_000, ticksPerPacket: 1 });
    const rig = new SeamRig().push(reading(packets));
    rig.take();
    const again = broadcast({ packets: 5_940, ticksPerPacket: 1, firstPcr: -1 + TIMESTAMP_MODULO });
    const bytes = reading(again);
    rig.begin('same-content');
    while (rig.seam.searching) rig.push(bytes, () => 5_940);
    const dropped = rig.seam.lastSearch!.repeatedPackets + rig.seam.lastSearch!.searchedPackets;
    expect(dropped).toBe(Math.ceil(((64 << 20) / PACKET_BYTES - 2) / GROUP_PACKETS) * GROUP_PACKETS + 2);
  });
});

describe('a reading of something else', () => {
  it('goes on at its first random-access point, though its clock or its packets are those of the past', () => {
    for (const other of [show, broadcast({ packets: PACKETS, fill: 9, firstPcr: 5 * SECOND })]) {
      const rig = new SeamRig().push(reading(show, 0, 700));
      const before = rig.take();
      rig.begin('other-content').push(reading(other, 100, PACKETS, 7));
      expectJump(rig, before, 122);
    }
  });

  it('that never showed leaves the next one just as unrelated', () => {
    const rig = new SeamRig().push(reading(show, 0, 700));
    const before = rig.take();
    rig.begin('other-content').push(reading(broadcast({ packets: 100, fill: 3 }), 3, 50));
    rig.begin('same-content').push(reading(show, 600));
    expectJump(rig, before, 602);
  });

  it('that showed is what the next one goes on from', () => {
    const other = broadcast({ packets: PACKETS, fill: 3, firstPcr: 77 });
    const rig = new SeamRig()
      .push(reading(show, 0, 700))
      .begin('other-content')
      .push(reading(other, 100, 300));
    const shown = rig.output;
    rig.begin('same-content').push(reading(other, 200, 400, 3));
    const output = rig.output;
    expect(strictFaults(output)).toEqual([]);
    expect(sequencesIn(output.subarray(shown.length))).toEqual(sequencesIn(reading(other, 300, 400)));
  });
});

describe('several readings', () => {
  it('that bring nothing, or nothing new, change nothing', () => {
    const rig = new SeamRig().push(reading(show, 0, 500));
    rig
      .begin('same-content')
      .begin('same-content')
      .push(reading(show, 100, 300, 1));
    rig.begin('same-content').push(reading(show, 250, 499, 2));
    rig.begin('same-content').push(reading(show, 603, 650, 2));
    rig.begin('same-content').push(reading(show, 300, PACKETS, 3));
    expect(rig.output.equals(reading(show))).toBe(true);
  });

  it('of different kinds in any order leave no counter jump and no half unit', () => {
    const random = seededRandom(3);
    const upTo = (limit: number): number => Math.floor(random() * limit);
    const shows = [
      show,
      broadcast({ packets: PACKETS, fill: 3, pcrPid: 0x123 }),
      broadcast({ packets: PACKETS, fill: 4, pcrPid: AUDIO_PID, firstPcr: 9 * SECOND }),
    ];
    for (let round = 0; round < 60; round++) {
      const rig = new SeamRig();
      for (let i = 0; i < 8; i++) {
        if (i > 0) rig.begin(random() < 0.5 ? 'same-content' : 'other-content');
        const from = upTo(PACKETS);
        rig.push(reading(shows[upTo(3)]!, from, from + upTo(300), upTo(16)), () => 1 + upTo(50));
        rig.nowMs += upTo(4_000);
      }
      expect({ round, faults: strictFaults(rig.output) }).toEqual({ round, faults: [] });
    }
  });
});
