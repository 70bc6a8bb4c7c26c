import { describe, expect, it } from '@jest/globals';
import { ProgramTracker } from '../../../workers/shard/program-tracker.ts';
import {
  AAC,
  AUDIO_PID,
  descriptor,
  faultsIn,
  H264,
  HEVC,
  MPEG2,
  Multiplex,
  NULL_PID,
  PACKET_BYTES,
  PMT_PID,
  packet,
  patSection,
  pidsOf,
  pmtSection,
  sectionIn,
  VIDEO_PID,
} from '../support/ts.ts';

interface Found {
  /** Packet number of the random-access packet. */
  packet: number;
  tables: Buffer;
}

/** Runs a tracker over a stream in runs of some packets. */
function track(stream: Buffer, packetsPerRun = 7, firstOffset = 0): { found: Found[]; tracker: ProgramTracker } {
  const found: Found[] = [];
  const tracker = new ProgramTracker((offset, tables) =>
    found.push({ packet: (offset - firstOffset) / PACKET_BYTES, tables }),
  );
  for (let at = 0; at < stream.length; at += packetsPerRun * PACKET_BYTES) {
    const run = Buffer.from(stream.subarray(at, at + packetsPerRun * PACKET_BYTES));
    tracker.inspect(run, firstOffset + at);
    run.fill(0); // A run is only valid during the call.
  }
  return { found, tracker };
}

const packetsOf = (stream: Buffer): number[] => track(stream).found.map(({ packet: number }) => number);

describe('the program tracker', () => {
  it('reports each key frame with the tables valid there, however the stream is cut into runs', () => {
    const multiplex = new Multiplex().group(3).stuffing().group(3);
    const tables = new Multiplex().tables().take();
    const stream = multiplex.take();
    const groupPackets = new Multiplex().group(3).take().length / PACKET_BYTES;
    for (const perRun of [1, 2, 3, 5, 100]) {
      const { found } = track(stream, perRun);
      expect(found.map(({ packet: number }) => number)).toEqual([2, groupPackets + 3]);
      expect(found[0]!.tables.equals(tables)).toBe(true);
      expect(pidsOf(found[1]!.tables)).toEqual([0, PMT_PID]);
    }
  });

  it('reports offsets of the log, not of the run', () => {
    const { found } = track(new Multiplex().group().take(), 3, 1_000 * PACKET_BYTES);
    expect(found.map(({ packet: number }) => number)).toEqual([2]);
  });

  it('has the tables as soon as both have come', () => {
    const tables = new Multiplex().tables().take();
    expect(track(tables).tracker.tables).toEqual(tables);
    expect(track(new Multiplex().pat().take()).tracker.tables).toBeUndefined();
    expect(track(new Multiplex().programMap().take()).tracker.tables).toBeUndefined();
  });

  it('names the PIDs that have carried payload, and the counter of the latest packet of each', () => {
    const { tracker } = track(
      new Multiplex()
        .tables()
        .video(20)
        .audio(2)
        .packet({ pid: 0x200, pcrBase: 1 })
        .packet({ pid: 0x201, payload: Buffer.alloc(1) })
        .packet({ pid: VIDEO_PID, pcrBase: 2 })
        .stuffing(5)
        .take(),
    );
    expect(tracker.pids).toEqual([0, VIDEO_PID, AUDIO_PID, 0x201, PMT_PID]);
    expect(tracker.pids.map(pid => tracker.lastContinuity(pid))).toEqual([0, 19 & 15, 1, 0, 0]);
    expect([tracker.lastContinuity(0x200), tracker.lastContinuity(0x202)]).toEqual([undefined, undefined]);
  });

  it('reports nothing before both tables were there', () => {
    expect(packetsOf(new Multiplex().keyFrame().pat().keyFrame().programMap().keyFrame().take())).toEqual([10]);
  });

  it('reports nothing without tables', () => {
    const { tracker, found } = track(new Multiplex().keyFrame().audio(5).stuffing(5).take());
    expect([tracker.tables, found]).toEqual([undefined, []]);
  });

  it('collects tables that take several packets, with others between them', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(
      VIDEO_PID,
      [
        { type: H264, pid: VIDEO_PID, descriptors: descriptor(0x0a, 200) },
        { type: AAC, pid: AUDIO_PID, descriptors: descriptor(0x0a, 200) },
      ],
      { programDescriptors: descriptor(0x09, 120) },
    );
    const map = new Multiplex();
    map.pmt = multiplex.pmt;
    const mapPackets = map.programMap().take();
    expect(mapPackets.length / PACKET_BYTES).toBe(4);
    const programs = Array.from({ length: 60 }, (_, i) => ({ number: i + 1, pid: PMT_PID + i }));
    const associationPackets = new Multiplex().pat(programs).take();
    expect(associationPackets.length / PACKET_BYTES).toBe(2);
    const parts: Buffer[] = [];
    for (const table of [associationPackets, mapPackets])
      for (let at = 0; at < table.length; at += PACKET_BYTES)
        parts.push(table.subarray(at, at + PACKET_BYTES), multiplex.audio().stuffing().take());
    parts.push(multiplex.keyFrame().take());
    const { found } = track(Buffer.concat(parts), 1);
    expect(found.map(({ packet: number }) => number)).toEqual([18]);
    expect(found[0]!.tables.equals(Buffer.concat([associationPackets, mapPackets]))).toBe(true);
    expect(sectionIn(found[0]!.tables, PMT_PID)).toEqual(multiplex.pmt);
    expect(sectionIn(found[0]!.tables, 0)).toEqual(patSection(programs));
  });

  it('drops a table whose rest never comes, and takes the next one', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [{ type: H264, pid: VIDEO_PID, descriptors: descriptor(0x0a, 250) }]);
    const map = multiplex.programMap().take();
    const torn = map.subarray(0, PACKET_BYTES);
    const stream = Buffer.concat([multiplex.pat().take(), torn, map, multiplex.keyFrame().take()]);
    const { found } = track(stream);
    expect(found.map(({ packet: number }) => number)).toEqual([4]);
    expect(sectionIn(found[0]!.tables, PMT_PID)).toEqual(multiplex.pmt);
    expect(found[0]!.tables.subarray(PACKET_BYTES).equals(map)).toBe(true);
  });

  it('begins no table in the middle', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [{ type: H264, pid: VIDEO_PID, descriptors: descriptor(0x0a, 250) }]);
    const map = multiplex.programMap().take();
    const stream = Buffer.concat([multiplex.pat().take(), map.subarray(PACKET_BYTES), multiplex.keyFrame().take()]);
    const { tracker, found } = track(stream);
    expect([tracker.tables, found]).toEqual([undefined, []]);
  });

  it('completes a table by the bytes that come before the pointed-to start of the next one', () => {
    const proper = pmtSection(VIDEO_PID, [{ type: H264, pid: VIDEO_PID, descriptors: descriptor(0x0a, 200) }]);
    const sections = Buffer.concat(Array(6).fill(proper));
    const map: Buffer[] = [];
    // Sections back to back: each packet in which one starts says where.
    for (let from = 0; from < sections.length; ) {
      const next = Math.ceil(from / proper.length) * proper.length;
      const starts = next - from < 183 && next < sections.length;
      const payload = Buffer.alloc(184, 0xff);
      if (starts) payload[0] = next - from;
      const count = Math.min(sections.length - from, starts ? 183 : 184);
      sections.copy(payload, starts ? 1 : 0, from, from + count);
      map.push(packet({ pid: PMT_PID, counter: map.length, startsUnit: starts, payload }));
      from += count;
    }
    // The first one is whole with the second packet, which also starts the next.
    expect((map[1]![1]! & 0x40) !== 0 && map[1]![4]! > 0).toBe(true);
    for (let packets = 2; packets <= map.length; packets++) {
      const multiplex = new Multiplex().pat();
      const { found } = track(Buffer.concat([multiplex.take(), ...map.slice(0, packets), multiplex.keyFrame().take()]));
      expect(found.map(({ packet: number }) => number)).toEqual([1 + packets]);
      expect(sectionIn(found[0]!.tables, PMT_PID)).toEqual(proper);
    }
  });

  it('ignores tables that are only announced', () => {
    const multiplex = new Multiplex();
    const present = multiplex.pmt;
    const announce = (section: Buffer): Buffer => {
      const announced = Buffer.from(section);
      announced[5]! &= 0xfe;
      return announced;
    };
    multiplex.pmt = announce(pmtSection(0x222, [{ type: H264, pid: 0x222 }], { version: 1 }));
    multiplex.pat().programMap().keyFrame(0);
    expect(track(multiplex.take()).found).toEqual([]);
    multiplex.pmt = present;
    multiplex.tables().keyFrame(0);
    multiplex.pmt = announce(pmtSection(0x222, [{ type: H264, pid: 0x222 }], { version: 1 }));
    multiplex.programMap().keyFrame(0).picture('h264Key', { pid: 0x222, randomAccess: true });
    const { found } = track(multiplex.take());
    expect(found.map(({ packet: number }) => number)).toEqual([2, 4]);
    for (const { tables } of found) expect(sectionIn(tables, PMT_PID)).toEqual(present);
  });

  it('hands out tables that the next packets of their PIDs follow, whatever else came on those meanwhile', () => {
    const multiplex = new Multiplex();
    const present = multiplex.pmt;
    for (let i = 0; i < 6; i++) {
      multiplex.tables();
      multiplex.pmt = Buffer.from(present);
      multiplex.pmt[0] = 0x42;
      for (let others = 0; others < i; others++) multiplex.programMap();
      multiplex.pmt = present;
      multiplex.keyFrame().audio();
    }
    const stream = multiplex.take();
    const { found } = track(stream);
    expect(found).toHaveLength(6);
    for (const { packet: number, tables } of found) {
      expect(sectionIn(tables, PMT_PID)).toEqual(present);
      expect(faultsIn(Buffer.concat([tables, stream.subarray(number * PACKET_BYTES)]))).toEqual([]);
    }
  });

  it('ignores other tables on the PIDs it follows', () => {
    const multiplex = new Multiplex();
    const proper = multiplex.pmt;
    multiplex.tables();
    multiplex.pmt = Buffer.from(proper);
    multiplex.pmt[0] = 0x42;
    multiplex.programMap().keyFrame();
    const { found } = track(multiplex.take());
    expect(found).toHaveLength(1);
    expect(sectionIn(found[0]!.tables, PMT_PID)).toEqual(proper);
  });

  it('follows the map to another PID, and reports nothing until it was seen there', () => {
    const multiplex = new Multiplex().tables().keyFrame(0);
    multiplex.pmtPid = 0x1abc;
    multiplex.pmt = pmtSection(0x222, [{ type: H264, pid: 0x222 }]);
    multiplex.pat().keyFrame(0).programMap();
    multiplex.picture('h264Key', { pid: 0x222, randomAccess: true }).keyFrame(0);
    const { found } = track(multiplex.take());
    expect(found.map(({ packet: number }) => number)).toEqual([2, 6]);
    expect(pidsOf(found[1]!.tables)).toEqual([0, 0x1abc]);
    expect(sectionIn(found[1]!.tables, 0x1abc)).toEqual(multiplex.pmt);
  });

  it('takes a new version of the map on the same PID', () => {
    const multiplex = new Multiplex().tables().keyFrame(0);
    multiplex.pmt = pmtSection(0x222, [{ type: H264, pid: 0x222 }], { version: 1 });
    multiplex.programMap();
    const second = multiplex.picture('h264Key', { pid: 0x222, randomAccess: true }).keyFrame(0).take();
    const { found } = track(second);
    expect(found.map(({ packet: number }) => number)).toEqual([2, 4]);
    expect(sectionIn(found[1]!.tables, PMT_PID)).toEqual(multiplex.pmt);
    expect(found[1]!.tables.subarray(PACKET_BYTES).equals(second.subarray(3 * PACKET_BYTES, 4 * PACKET_BYTES))).toBe(
      true,
    );
  });

  it('hands out the newest packets of tables that did not change, so that their counters fit what follows', () => {
    const stream = new Multiplex().group(2).group(2).take();
    const { found } = track(stream);
    expect(found).toHaveLength(2);
    expect([found[0]!.tables[3]! & 15, found[1]!.tables[3]! & 15]).toEqual([0, 1]);
  });

  it('believes the picture rather than a random-access flag on every packet', () => {
    const multiplex = new Multiplex().tables();
    for (const unit of ['h264Key', 'h264Slice', 'h264Slice', 'h264Idr', 'h264Slice'] as const)
      multiplex.picture(unit, { randomAccess: true });
    expect(packetsOf(multiplex.take())).toEqual([2, 5]);
  });

  it('takes a flag at its word where not every picture has one, as with gradual refresh', () => {
    const multiplex = new Multiplex().tables();
    for (const randomAccess of [false, true, false, false, true])
      multiplex.picture('h264Slice', randomAccess ? { randomAccess } : {});
    expect(packetsOf(multiplex.take())).toEqual([3, 6]);
  });

  it('finds key frames that no flag announces', () => {
    const multiplex = new Multiplex().tables();
    for (const unit of ['h264Slice', 'h264Key', 'h264Slice', 'h264Idr'] as const) multiplex.picture(unit).video(2);
    expect(packetsOf(multiplex.take())).toEqual([5, 11]);
  });

  it.each([
    [HEVC, 'hevcKey', 'hevcSlice'],
    [HEVC, 'hevcCra', 'hevcSlice'],
    [MPEG2, 'mpeg2Key', 'mpeg2Picture'],
  ] as const)('looks into pictures of stream_type %i', (type, key, other) => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [{ type, pid: VIDEO_PID }]);
    multiplex.tables().picture(other, { randomAccess: true }).picture(key).picture(other);
    expect(packetsOf(multiplex.take())).toEqual([3]);
  });

  it.each([0xe0, 0xe1, 0xe5, 0xe7, 0xef])(
    'takes no PES packet of stream id %i for a key frame by that id',
    streamId => {
      const multiplex = new Multiplex().tables();
      multiplex.picture('h264Slice', { streamId }).picture('h264Key', { streamId }).picture('h264Slice', { streamId });
      expect(packetsOf(multiplex.take())).toEqual([3]);
    },
  );

  it('falls back on the flag where the first packet of a picture tells nothing', () => {
    const multiplex = new Multiplex().tables();
    multiplex.picture('h264Sei').picture('h264Sei', { randomAccess: true }).picture('h264Sei');
    expect(packetsOf(multiplex.take())).toEqual([3]);
  });

  it('takes no packet in the middle of a picture for a beginning, whatever its flag says', () => {
    const multiplex = new Multiplex().tables();
    multiplex.picture('h264Slice').picture('h264Key', { startsUnit: false, randomAccess: true });
    expect(packetsOf(multiplex.take())).toEqual([]);
  });

  it('goes by the flag alone where the payload is scrambled', () => {
    const multiplex = new Multiplex().tables();
    multiplex
      .picture('h264Key', { scrambled: true })
      .picture('h264Slice', { scrambled: true, randomAccess: true })
      .picture('h264Slice', { scrambled: true });
    expect(packetsOf(multiplex.take())).toEqual([3]);
  });

  it('begins a radio channel with any unit of its audio', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(AUDIO_PID, [{ type: AAC, pid: AUDIO_PID }]);
    multiplex.tables().audio(2).stuffing().audio();
    expect(packetsOf(multiplex.take())).toEqual([2, 3, 5]);
  });

  it('waits for the video where there is one, though audio comes first in the map', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [
      { type: AAC, pid: AUDIO_PID },
      { type: H264, pid: VIDEO_PID },
    ]);
    multiplex.tables().audio(3).keyFrame();
    expect(packetsOf(multiplex.take())).toEqual([5]);
  });

  it('finds nothing in stuffing, even when it looks like tables', () => {
    const multiplex = new Multiplex().tables();
    multiplex.packet({ pid: NULL_PID, startsUnit: true, payload: Buffer.alloc(184), discontinuity: false });
    multiplex.stuffing(20);
    expect(packetsOf(multiplex.take())).toEqual([]);
  });

  it('survives noise on every PID it follows', () => {
    const multiplex = new Multiplex().tables();
    for (const fill of [0x00, 0x02, 0x47, 0xff])
      for (const pid of [0, PMT_PID, VIDEO_PID])
        for (const startsUnit of [true, false]) multiplex.packet({ pid, startsUnit, payload: Buffer.alloc(184, fill) });
    multiplex.tables().keyFrame();
    const { found } = track(multiplex.take(), 3);
    expect(found.at(-1)!.packet).toBe(28);
  });
});
