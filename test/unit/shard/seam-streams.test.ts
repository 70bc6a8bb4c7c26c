import { describe, expect, it } from '@jest/globals';
import { readPcr } from '../../../src/shared/timestamps.ts';
import {
  type BroadcastOptions,
  broadcast,
  GROUP_PACKETS,
  isFlagged,
  reading,
  SERVICE_PID,
  sequencesIn,
  strictFaults,
} from '../support/broadcast.ts';
import { SeamRig } from '../support/seam-rig.ts';
import {
  AAC,
  AUDIO_PID,
  descriptor,
  H264,
  NULL_PID,
  offsetsOf,
  PACKET_BYTES,
  PMT_PID,
  packet,
  pesHeader,
  pidAt,
  pidsOf,
  pmtSection,
  sectionIn,
  VIDEO_PID,
} from '../support/ts.ts';

const PACKETS = 12 * GROUP_PACKETS;
const CLOCK_PID = 0x1f0;
const show = broadcast({ packets: PACKETS });

const hasPcr = (bytes: Buffer, at: number): boolean =>
  (bytes[at + 3]! & 0x20) !== 0 && bytes[at + 4]! >= 7 && (bytes[at + 5]! & 0x10) !== 0;
const at = (bytes: Buffer, index: number): Buffer => bytes.subarray(index * PACKET_BYTES, (index + 1) * PACKET_BYTES);
const flaggedPids = (bytes: Buffer): number[] =>
  offsetsOf(bytes)
    .filter(offset => isFlagged(bytes, offset))
    .map(offset => pidAt(bytes, offset))
    .sort((a, b) => a - b);

/** What comes behind a jump from one broadcast into another. */
function jump(from: readonly Buffer[], to: readonly Buffer[], at = 100, rig = new SeamRig()): Buffer {
  const before = rig.push(reading(from, 0, 500)).take();
  const after = rig
    .begin('other-content')
    .push(reading(to, at, to.length, 3))
    .take();
  expect(strictFaults(Buffer.concat([before, after]))).toEqual([]);
  expect(rig.seam.searching).toBe(false);
  return after;
}

describe('a jump into a stream', () => {
  it('finds key frames that no flag announces', () => {
    const after = jump(show, broadcast({ packets: PACKETS, randomAccessFlags: false }));
    expect(pidsOf(after).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(sequencesIn(after)[0]).toBe(122);
  });

  it('goes by the flags where it is scrambled', () => {
    const after = jump(show, broadcast({ packets: PACKETS, scrambled: true }));
    expect(sequencesIn(after)[0]).toBe(122);
    expect(flaggedPids(after)).toEqual([VIDEO_PID, AUDIO_PID]);
    expect((at(after, 2)[3]! & 0xc0) !== 0).toBe(true);
  });

  it('begins a radio channel with any unit of its audio', () => {
    const radio = {
      packets: PACKETS,
      videoPid: 0x1ff,
      pcrPid: AUDIO_PID,
      pmt: pmtSection(AUDIO_PID, [{ type: AAC, pid: AUDIO_PID }]),
    };
    const sound = broadcast(radio).map(made =>
      pidAt(made, 0) === 0x1ff ? packet({ pid: NULL_PID, counter: 0, payload: Buffer.alloc(184) }) : made,
    );
    const after = jump(sound, sound);
    expect(pidsOf(after).slice(0, 2)).toEqual([0, PMT_PID]);
    expect(sequencesIn(after, [AUDIO_PID])[0]).toBe(124);
  });

  it('shows the clock before any time that refers to it, where it has a PID of its own', () => {
    const after = jump(show, broadcast({ packets: PACKETS, pcrPid: CLOCK_PID }), 70);
    expect(pidsOf(after).slice(0, 4)).toEqual([0, PMT_PID, CLOCK_PID, VIDEO_PID]);
    const clock = at(after, 2);
    expect([clock[3]! & 0x30, clock[4], isFlagged(clock, 0), hasPcr(clock, 0)]).toEqual([0x20, 183, true, true]);
    // The latest PCR before the key frame is that of packet 110; the clock has gone on since.
    expect(readPcr(clock, 6)).toBe(122 * 300 * 300);
    expect(flaggedPids(after)).toEqual([VIDEO_PID, AUDIO_PID, CLOCK_PID]);
  });

  it('shows the clock first where it comes with the audio, and keeps the PCRs of audio that is left out', () => {
    const packets = broadcast({ packets: PACKETS, pcrPid: AUDIO_PID });
    // Without the starts of audio up to the packet with the second PCR.
    const late = packets.map((made, i) =>
      i > 120 && i < 150 && pidAt(made, 0) === AUDIO_PID && i !== 146
        ? packet({ pid: NULL_PID, counter: 0, payload: Buffer.alloc(184) })
        : made,
    );
    const rig = new SeamRig();
    const before = rig.push(reading(packets, 0, 500)).take();
    const after = rig.begin('other-content').push(reading(late, 70)).take();
    expect(strictFaults(Buffer.concat([before, after]))).toEqual([]);
    expect(pidsOf(after).slice(0, 4)).toEqual([0, PMT_PID, AUDIO_PID, VIDEO_PID]);
    // A single PCR came before, so that nobody knows how the clock has gone on since.
    expect(readPcr(at(after, 2), 6)).toBe(86 * 300 * 300);
    const clocks = offsetsOf(after).filter(offset => pidAt(after, offset) === AUDIO_PID && hasPcr(after, offset));
    expect(clocks.slice(0, 2).map(offset => [after[offset + 3]! & 0x30, readPcr(after, offset + 6) / 90_000])).toEqual([
      [0x20, 86],
      [0x20, 146],
    ]);
    // A flag on this PID speaks of the clock, so there is one, where the clock jumps.
    expect(flaggedPids(after)).toEqual([VIDEO_PID, AUDIO_PID]);
  });

  it('flags the first packet with a PCR, and no other of its PID, where none came before', () => {
    const packets = broadcast({ packets: PACKETS, pcrPid: CLOCK_PID });
    const after = jump(show, packets, 120);
    expect(pidsOf(after).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    const clocks = offsetsOf(after).filter(offset => pidAt(after, offset) === CLOCK_PID);
    expect(clocks.map(offset => isFlagged(after, offset)).indexOf(true)).toBe(0);
    expect(flaggedPids(after)).toEqual([VIDEO_PID, AUDIO_PID, CLOCK_PID]);
  });

  it('starts PIDs that are new as they are', () => {
    const other = broadcast({ packets: PACKETS, videoPid: 0x444, audioPid: 0x445, pcrPid: 0x444 });
    const after = jump(show, other);
    const source = reading(other, 122, PACKETS, 3);
    const first = (bytes: Buffer): number =>
      bytes[offsetsOf(bytes).find(offset => pidAt(bytes, offset) === 0x444)! + 3]! & 15;
    expect(first(after)).toBe(first(source));
    expect(sequencesIn(after, [0x444, 0x445, SERVICE_PID])).toEqual(sequencesIn(source, [0x444, 0x445, SERVICE_PID]));
    expect(flaggedPids(after)).toEqual([0x444, 0x445]);
  });

  it('lets stuffing through, and begins nothing with a packet that is marked as damaged', () => {
    const other = broadcast({ packets: PACKETS }).map(made => Buffer.from(made));
    for (const i of [124, 131, 150]) other[i]![1]! |= 0x80;
    const after = jump(show, other);
    expect(sequencesIn(after, [AUDIO_PID])[0]).toBe(138);
    expect(sequencesIn(after, [SERVICE_PID])[0]).toBe(210);
    const nulls = (bytes: Buffer): number => pidsOf(bytes).filter(pid => pid === NULL_PID).length;
    expect(nulls(after)).toBe(nulls(reading(other, 122)));
  });

  it('waits no longer than 5 s for the start of a unit: some data has none', () => {
    const startless = broadcast({ packets: PACKETS }).map(made => {
      const copy = Buffer.from(made);
      if (pidAt(copy, 0) === SERVICE_PID) copy[1]! &= 0xbf;
      return copy;
    });
    const rig = new SeamRig();
    const before = rig.push(reading(show, 0, 500)).take();
    const after = rig
      .begin('other-content')
      .push(reading(startless, 100, 300))
      .take();
    expect(pidsOf(after)).not.toContain(SERVICE_PID);
    rig.nowMs += 5_000;
    const later = rig.push(reading(startless, 300)).take();
    expect(sequencesIn(later, [SERVICE_PID])[0]).toBe(330);
    expect(strictFaults(Buffer.concat([before, after, later]))).toEqual([]);
  });
});

describe('a reading without a random-access point', () => {
  /** Pushes a broadcast until nothing is searched any more. @returns number of the packet at which that was so */
  function pushUntilFound(rig: SeamRig, packets: readonly Buffer[], msPerPacket: number): number {
    for (let i = 0; i < packets.length; i++) {
      rig.push(reading(packets, i, i + 1));
      if (!rig.seam.searching) return i;
      rig.nowMs += msPerPacket;
    }
    throw new Error('nothing found');
  }

  it.each<[string, Partial<BroadcastOptions>, number[]]>([
    ['tables', { keyFrames: false }, [0, PMT_PID]],
    ['nothing', { keyFrames: false, tables: false }, []],
    ['nothing, though there are key frames,', { tables: false }, []],
  ])('goes on with %s and whatever starts a unit after twice the patience', (_, options, tables) => {
    const packets = broadcast({ packets: PACKETS, ...options });
    for (const relation of ['same-content', 'other-content'] as const) {
      const rig = new SeamRig();
      const before = rig.push(reading(packets, 0, 500)).take();
      rig.begin(relation);
      // Nothing repeats: the clock of the packets shown is not met again.
      const found = pushUntilFound(rig, packets.slice(505), 100);
      rig.push(reading(packets, 505 + found + 1));
      const after = rig.take();
      expect([relation, found]).toEqual([relation, 100]);
      expect(strictFaults(Buffer.concat([before, after]))).toEqual([]);
      expect(pidsOf(after).slice(0, tables.length)).toEqual(tables);
      for (const pid of [VIDEO_PID, AUDIO_PID]) {
        const start = packets.findIndex((made, i) => i >= 605 && pidAt(made, 0) === pid && (made[1]! & 0x40) !== 0);
        expect(sequencesIn(after, [pid])[0]).toBe(start);
      }
      expect(flaggedPids(after)).toEqual([VIDEO_PID, AUDIO_PID]);
    }
  });

  it('gives up after 128 MiB, too', () => {
    const packets = broadcast({ packets: 6_000, keyFrames: false });
    const rig = new SeamRig().push(reading(packets)).begin('other-content');
    const bytes = reading(packets);
    let pushed = 0;
    for (; rig.seam.searching; pushed += 6_000) rig.push(bytes, () => 6_000);
    const { searchedPackets, repeatedPackets } = rig.seam.lastSearch!;
    expect(searchedPackets + repeatedPackets).toBe(Math.ceil((128 << 20) / PACKET_BYTES));
    expect(pushed).toBeGreaterThan(searchedPackets);
  });

  it('still goes on seamlessly where it repeats the past', () => {
    const packets = broadcast({ packets: PACKETS, keyFrames: false, tables: false });
    const rig = new SeamRig()
      .push(reading(packets, 0, 500))
      .begin('same-content')
      .push(reading(packets, 300));
    expect(rig.output.equals(reading(packets))).toBe(true);
  });

  it('goes on at any random-access point where what was shown had no clock', () => {
    const clockless = broadcast({ packets: PACKETS, pcrPid: 0x1ffe }).filter(made => pidAt(made, 0) !== 0x1ffe);
    const rig = new SeamRig().push(reading(clockless, 0, 300));
    const before = rig.take();
    rig.begin('same-content').push(reading(clockless, 100));
    const after = rig.take();
    expect(strictFaults(Buffer.concat([before, after]))).toEqual([]);
    expect(pidsOf(after).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(rig.seam.lastSearch!.clockJumpMs).toBeUndefined();
    expect(rig.seam.clock).toBeUndefined();
  });
});

describe('tables behind a jump', () => {
  const versionOf = (section: Buffer): number => (section[5]! >> 1) & 31;
  const map = (version: number, length = 0, pid = VIDEO_PID): Buffer =>
    pmtSection(
      pid,
      [
        { type: H264, pid, descriptors: length > 0 ? descriptor(0x0a, length) : Buffer.alloc(0) },
        { type: AAC, pid: AUDIO_PID, descriptors: length > 0 ? descriptor(0x0b, length) : Buffer.alloc(0) },
      ],
      { version },
    );
  /** Every whole section on a PID, whichever packets it lies in. */
  function sectionsIn(bytes: Buffer, pid: number): Buffer[] {
    const found: Buffer[] = [];
    const own = offsetsOf(bytes).filter(offset => pidAt(bytes, offset) === pid);
    for (let i = 0; i < own.length; i++) {
      const section = sectionIn(
        Buffer.concat(own.slice(i, i + 4).map(offset => bytes.subarray(offset, offset + PACKET_BYTES))).subarray(0),
        pid,
      );
      if (section !== undefined && (bytes[own[i]! + 1]! & 0x40) !== 0) found.push(section);
    }
    return found;
  }
  const versionsIn = (bytes: Buffer, pid = PMT_PID): number[] => [...new Set(sectionsIn(bytes, pid).map(versionOf))];
  const rigWith = (pmt: Buffer): SeamRig => new SeamRig().push(reading(broadcast({ packets: 500, pmt })));
  const into = (rig: SeamRig, pmt: Buffer, videoPid = VIDEO_PID): Buffer => {
    rig.take();
    const packets = broadcast({ packets: 500, pmt, videoPid });
    return rig.begin('other-content').push(reading(packets, 20)).take();
  };

  it.each([0, 30, 100, 200])(
    'get another version where they say something else under the same one (%i bytes)',
    length => {
      for (const version of [0, 7, 31]) {
        const after = into(rigWith(map(version)), map(version, length, 0x222), 0x222);
        const sections = sectionsIn(after, PMT_PID);
        expect(sections.length).toBeGreaterThan(4);
        const expected = map((version + 1) % 32, length, 0x222);
        for (const section of sections) expect(section.equals(expected)).toBe(true);
        expect(versionsIn(after, 0)).toEqual([0]);
      }
    },
  );

  it('keep their version where they say the same, or something else under another one', () => {
    expect(versionsIn(into(rigWith(map(5)), map(5)))).toEqual([5]);
    expect(versionsIn(into(rigWith(map(5)), map(6, 0, 0x222), 0x222))).toEqual([6]);
  });

  it('get a new version at every change to and fro', () => {
    const rig = rigWith(map(3));
    const versions: number[][] = [];
    for (const pid of [0x222, VIDEO_PID, 0x222, 0x222, VIDEO_PID])
      versions.push(versionsIn(into(rig, map(3, 0, pid), pid)));
    expect(versions).toEqual([[4], [5], [6], [6], [7]]);
  });

  it('keep the distance when the broadcast changes them itself', () => {
    const rig = rigWith(map(3));
    into(rig, map(3, 0, 0x222), 0x222);
    const changed = broadcast({ packets: 300, pmt: map(4, 0, 0x333) });
    const after = rig.push(reading(changed)).take();
    expect(sectionsIn(after, PMT_PID).every(section => section.equals(map(5, 0, 0x333)))).toBe(true);
  });

  it('keep it over a seamless seam', () => {
    const rig = rigWith(map(3));
    const other = broadcast({ packets: 900, pmt: map(3, 0, 0x222), videoPid: 0x222, pcrPid: 0x222, firstPcr: 8 });
    rig.begin('other-content').push(reading(other, 20, 500));
    const before = rig.output;
    rig.begin('same-content').push(reading(other, 300));
    expect(rig.seam.lastSearch!.outcome).toBe('seamless');
    expect(versionsIn(rig.output.subarray(before.length))).toEqual([4]);
  });

  it('of PAT get another version, too', () => {
    const rig = new SeamRig().push(reading(broadcast({ packets: 500 })));
    rig.take();
    const after = rig
      .begin('other-content')
      .push(reading(broadcast({ packets: 500, pmtPid: 0x321 }), 20))
      .take();
    expect([versionsIn(after, 0), versionsIn(after, 0x321)]).toEqual([[1], [0]]);
    expect(pidsOf(after).slice(0, 3)).toEqual([0, 0x321, VIDEO_PID]);
  });

  it('stay as wrong as they were where their checksum is wrong', () => {
    const wrong = broadcast({ packets: 500, pmt: map(3, 0, 0x222), videoPid: 0x222 }).map((made, i) => {
      const copy = Buffer.from(made);
      if (i > 200 && pidAt(copy, 0) === PMT_PID) copy[20]! ^= 1;
      return copy;
    });
    const rig = rigWith(map(3));
    rig.take();
    const after = rig.begin('other-content').push(reading(wrong, 20)).take();
    // Ours at packet 62, those of packets 120 and 180.
    expect(sectionsIn(after, PMT_PID)).toHaveLength(3);
  });

  it('leave other tables on the same PID alone', () => {
    const foreign = Buffer.from(map(3, 0, 0x222));
    foreign[0] = 0x42;
    const rig = rigWith(map(3));
    into(rig, map(3, 0, 0x222), 0x222);
    const payload = Buffer.alloc(184, 0xff);
    payload[0] = 0;
    foreign.copy(payload, 1);
    const bytes = packet({ pid: PMT_PID, counter: 0, startsUnit: true, payload });
    expect(rig.push(bytes).take().subarray(4).equals(bytes.subarray(4))).toBe(true);
  });
});

describe('a whole unit before the clock', () => {
  it('is never shown behind a jump: no PTS precedes the flagged PCR', () => {
    for (const pcrPid of [VIDEO_PID, AUDIO_PID, CLOCK_PID])
      for (let from = 60; from < 125; from++) {
        const after = jump(show, broadcast({ packets: 300, pcrPid }), from);
        const clock = offsetsOf(after).find(offset => hasPcr(after, offset))!;
        const time = offsetsOf(after).find(offset => {
          const payload = offset + 4 + ((after[offset + 3]! & 0x20) === 0 ? 0 : 1 + after[offset + 4]!);
          return (after[offset + 1]! & 0x40) !== 0 && after.compare(pesHeader(0xe0), 0, 3, payload, payload + 3) === 0;
        })!;
        // Where no PCR comes between the start of the reading and the key frame, there is none to show.
        const key = from % GROUP_PACKETS === 0 ? from + 2 : Math.ceil(from / GROUP_PACKETS) * GROUP_PACKETS + 2;
        const known = broadcast({ packets: key + 1, pcrPid })
          .slice(from)
          .some(made => hasPcr(made, 0));
        expect([pcrPid, from, clock <= time || !known]).toEqual([pcrPid, from, true]);
      }
  });
});
