import { describe, expect, it } from '@jest/globals';
import type { EntryPoint, PacketLog } from '../../../workers/shard/packet-log.ts';
import { ProgramTracker } from '../../../workers/shard/program-tracker.ts';
import { buildSplice } from '../../../workers/shard/splice.ts';
import { newLog } from '../support/logs.ts';
import {
  AAC,
  AUDIO_PID,
  descriptor,
  faultsIn,
  H264,
  Multiplex,
  NULL_PID,
  offsetsOf,
  PACKET_BYTES,
  PMT_PID,
  packet,
  patSection,
  pidAt,
  pidsOf,
  pmtSection,
  sectionIn,
  VIDEO_PID,
} from '../support/ts.ts';

interface Logged {
  log: PacketLog;
  points: EntryPoint[];
  tracker: ProgramTracker;
  stream: Buffer;
}

function logOf(stream: Buffer): Logged {
  const log = newLog(100 << 20);
  const points: EntryPoint[] = [];
  const tracker = new ProgramTracker((offset, tables) => points.push({ offset, tables }));
  tracker.inspect(stream, 0);
  log.append(stream, 0);
  return { log, points, tracker, stream };
}

/** What a reader gets that read the stream up to `leftAt` and then came back at `point`. */
function outputAfterSkip({ log, tracker, stream }: Logged, leftAt: number, point: EntryPoint): Buffer {
  const { bytes, resumeAt } = buildSplice(log, point, tracker);
  return Buffer.concat([stream.subarray(0, leftAt), bytes, stream.subarray(resumeAt)]);
}

describe('the splice that carries a reader over a gap', () => {
  it('leaves no counter jump unannounced, wherever the reader stopped and whichever point it lands on', () => {
    const multiplex = new Multiplex();
    // Groups of unequal length, so that all counters differ at each point.
    for (let i = 0; i < 20; i++) multiplex.group(2 + (i % 5), 1 + (i % 7)).stuffing(i % 3);
    const logged = logOf(multiplex.take());
    expect(logged.points).toHaveLength(20);
    for (const point of logged.points.slice(1))
      for (const leftAt of offsetsOf(logged.stream.subarray(0, point.offset)).filter((_, i) => i % 7 === 0)) {
        const faults = faultsIn(outputAfterSkip(logged, leftAt, point));
        expect({ leftAt, point: point.offset, faults }).toEqual({ leftAt, point: point.offset, faults: [] });
      }
  });

  it('would leave jumps without its flags: the stream is one that shows them', () => {
    const { stream, points } = logOf(new Multiplex().group(3).group(4).group(5).group(5).take());
    const output = Buffer.concat([stream.subarray(0, 5 * PACKET_BYTES), stream.subarray(points[2]!.offset)]);
    expect(faultsIn(output).map(fault => fault.match(/PID (\d+)/)![1])).toEqual(['256', '0', '4096']);
  });

  it('starts with PAT, then PMT, then the random-access packet', () => {
    const { log, points, tracker } = logOf(new Multiplex().group().group().take());
    const { bytes } = buildSplice(log, points[1]!, tracker);
    expect(pidsOf(bytes).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(bytes[2 * PACKET_BYTES + 5]! & 0xc0).toBe(0xc0);
  });

  it('resumes right behind what it holds, and changes nothing but flags and tables', () => {
    const { log, points, tracker, stream } = logOf(new Multiplex().group(6).group(6).group(6).take());
    const point = points[1]!;
    const { bytes, resumeAt } = buildSplice(log, point, tracker);
    expect(resumeAt % PACKET_BYTES).toBe(0);
    const region = stream.subarray(point.offset, resumeAt);
    const carried = offsetsOf(bytes)
      .slice(2)
      .filter(at => (bytes[at + 3]! & 0x30) !== 0x30 || bytes[at + 4] !== 182)
      .map(at => bytes.subarray(at, at + PACKET_BYTES));
    expect(carried.map(part => pidAt(part, 0))).toEqual(pidsOf(region));
    for (const [i, part] of carried.entries()) {
      const unflagged = Buffer.from(part);
      if (i === 0) unflagged[5]! &= 0x7f;
      expect(unflagged.equals(region.subarray(i * PACKET_BYTES, (i + 1) * PACKET_BYTES))).toBe(true);
    }
  });

  it('leaves the log and the tables of the point as they were, for the other readers', () => {
    const { log, points, tracker, stream } = logOf(new Multiplex().group().group().take());
    const tables = Buffer.from(points[1]!.tables);
    const { bytes } = buildSplice(log, points[1]!, tracker);
    bytes.fill(0);
    expect(log.copy(0, log.end).equals(stream)).toBe(true);
    expect(points[1]!.tables.equals(tables)).toBe(true);
  });

  it('keeps the sections of the tables whole when it makes room for the flag', () => {
    const multiplex = new Multiplex();
    const { log, points, tracker } = logOf(multiplex.group().group().take());
    const found: number[] = [];
    const reader = new ProgramTracker(offset => found.push(offset));
    const { bytes } = buildSplice(log, points[1]!, tracker);
    reader.inspect(bytes, 0);
    expect(sectionIn(bytes, PMT_PID)).toEqual(multiplex.pmt);
    expect(sectionIn(bytes, 0)).toEqual(patSection([{ number: 1, pid: PMT_PID }]));
    expect(found).toEqual([2 * PACKET_BYTES]);
  });

  it('puts a bridge before tables that have no room for a flag', () => {
    const multiplex = new Multiplex();
    // One elementary stream with descriptors that fill the packet to its last byte.
    multiplex.pmt = pmtSection(VIDEO_PID, [{ type: H264, pid: VIDEO_PID, descriptors: descriptor(0x0a, 160) }]);
    expect(multiplex.pmt).toHaveLength(183);
    multiplex.pat().programMap().keyFrame(2).pat().pat().programMap().programMap().keyFrame(2);
    const logged = logOf(multiplex.take());
    const output = outputAfterSkip(logged, 3 * PACKET_BYTES, logged.points[1]!);
    expect(faultsIn(output)).toEqual([]);
    expect(pidsOf(output.subarray(3 * PACKET_BYTES)).slice(0, 4)).toEqual([0, PMT_PID, PMT_PID, VIDEO_PID]);
    expect(
      output.subarray(5 * PACKET_BYTES, 6 * PACKET_BYTES).equals(logged.points[1]!.tables.subarray(PACKET_BYTES)),
    ).toBe(true);
  });

  it('puts the flag only where stuffing follows the section, whatever the length and the last bytes of that are', () => {
    const bridged: number[] = [];
    for (let length = 140; length <= 250; length++) {
      const multiplex = new Multiplex();
      const descriptors = Buffer.concat([Buffer.from([0x0a, length]), Buffer.alloc(length, 0xff)]);
      multiplex.pmt = pmtSection(VIDEO_PID, [
        { type: H264, pid: VIDEO_PID, descriptors },
        { type: AAC, pid: AUDIO_PID },
      ]);
      for (let i = 0; i < 3; i++) multiplex.group(2 + i, 2);
      const logged = logOf(multiplex.take());
      const { bytes } = buildSplice(logged.log, logged.points[2]!, logged.tracker);
      expect({ length, map: sectionIn(bytes, PMT_PID) }).toEqual({ length, map: multiplex.pmt });
      const faults = faultsIn(outputAfterSkip(logged, 3 * PACKET_BYTES, logged.points[2]!));
      expect({ length, faults }).toEqual({ length, faults: [] });
      if (pidsOf(bytes)[2] === PMT_PID && multiplex.pmt.length <= 183) bridged.push(multiplex.pmt.length);
    }
    // Two bytes are needed: sections of one packet that leave less get a bridge.
    expect(bridged).toEqual([182, 183]);
  });

  it('carries a map of several packets', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [
      { type: H264, pid: VIDEO_PID, descriptors: descriptor(0x0a, 200) },
      { type: AAC, pid: AUDIO_PID, descriptors: descriptor(0x0b, 200) },
    ]);
    for (let i = 0; i < 6; i++) multiplex.group(2 + i, 2);
    const logged = logOf(multiplex.take());
    const { bytes } = buildSplice(logged.log, logged.points[4]!, logged.tracker);
    expect(faultsIn(outputAfterSkip(logged, 3 * PACKET_BYTES, logged.points[4]!))).toEqual([]);
    expect(sectionIn(bytes, PMT_PID)).toEqual(multiplex.pmt);
  });

  it('flags a PID that first shows packets without payload where its payload begins', () => {
    const multiplex = new Multiplex().group(2).audio(5).tables();
    multiplex.keyFrame(1).packet({ pid: AUDIO_PID, pcrBase: 5 }).audio(3).group(3);
    const logged = logOf(multiplex.take());
    expect(faultsIn(outputAfterSkip(logged, 4 * PACKET_BYTES, logged.points[1]!))).toEqual([]);
  });

  it('announces every jump in a stream without tables, wherever it lands', () => {
    const multiplex = new Multiplex();
    for (let i = 0; i < 12; i++) {
      multiplex.picture('h264Slice').video(1 + (i % 7));
      multiplex.audio(1 + (i % 3)).stuffing(i % 2);
    }
    const logged = logOf(multiplex.take());
    const later = multiplex.audio(2).video(3).take();
    for (const offset of [...offsetsOf(logged.stream).slice(9), logged.log.end]) {
      const point = { offset, tables: Buffer.alloc(0) };
      const output = Buffer.concat([outputAfterSkip(logged, 3 * PACKET_BYTES, point), later]);
      expect({ offset, faults: faultsIn(output) }).toEqual({ offset, faults: [] });
    }
  });

  it('at the end of the log holds the tables, and a bridge for every other PID', () => {
    const multiplex = new Multiplex().group(3).group(4);
    const logged = logOf(multiplex.take());
    const point = { offset: logged.log.end, tables: logged.tracker.tables! };
    const { bytes, resumeAt } = buildSplice(logged.log, point, logged.tracker);
    expect([pidsOf(bytes), resumeAt]).toEqual([[0, PMT_PID, VIDEO_PID, AUDIO_PID], logged.log.end]);
    const output = outputAfterSkip(logged, 5 * PACKET_BYTES, point);
    expect(faultsIn(Buffer.concat([output, multiplex.audio().group(2).take()]))).toEqual([]);
  });

  it('announces the jumps of PIDs that no map names', () => {
    const multiplex = new Multiplex();
    for (let i = 0; i < 6; i++) {
      multiplex.group(2 + i);
      for (let others = 0; others <= i; others++) multiplex.packet({ pid: 0x11, payload: Buffer.alloc(184, others) });
    }
    const logged = logOf(multiplex.take());
    for (const point of logged.points.slice(1))
      expect(faultsIn(outputAfterSkip(logged, 12 * PACKET_BYTES, point))).toEqual([]);
  });

  it('copies little, and announces the rest, when a stream of the map shows up late or never', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [
      { type: H264, pid: VIDEO_PID },
      { type: AAC, pid: AUDIO_PID },
      { type: 0x06, pid: 0x1ff },
    ]);
    multiplex.group().audio(3).tables().keyFrame(2000).audio(2);
    const logged = logOf(multiplex.take());
    const { bytes } = buildSplice(logged.log, logged.points[1]!, logged.tracker);
    expect(bytes.length).toBeLessThan(270 * PACKET_BYTES);
    expect(pidsOf(bytes)).not.toContain(0x1ff);
    expect(faultsIn(outputAfterSkip(logged, 9 * PACKET_BYTES, logged.points[1]!))).toEqual([]);
  });

  it('announces the jump of a stream that comes only after the end of the log', () => {
    for (let pictures = 2; pictures < 6; pictures++) {
      const multiplex = new Multiplex();
      for (let i = 0; i < 5; i++) multiplex.group(pictures + i);
      multiplex.tables().keyFrame(2);
      const logged = logOf(multiplex.take());
      const later = multiplex.audio().group(3).take();
      const output = outputAfterSkip(logged, 9 * PACKET_BYTES, logged.points.at(-1)!);
      expect(faultsIn(Buffer.concat([output, later]))).toEqual([]);
    }
  });

  it('announces nothing for a stream of the map that never had a packet', () => {
    const multiplex = new Multiplex();
    multiplex.pmt = pmtSection(VIDEO_PID, [
      { type: H264, pid: VIDEO_PID },
      { type: 0x06, pid: 0x1ff },
    ]);
    multiplex.tables().keyFrame().tables().keyFrame();
    const { log, points, tracker } = logOf(multiplex.take());
    expect(pidsOf(buildSplice(log, points[1]!, tracker).bytes)).not.toContain(0x1ff);
  });

  it('never announces jumps of the PID of stuffing', () => {
    const multiplex = new Multiplex().group(2).tables().keyFrame(0);
    for (let i = 0; i < 5; i++) multiplex.stuffing().video();
    multiplex.audio().group(2);
    const { log, points, tracker } = logOf(multiplex.take());
    const { bytes } = buildSplice(log, points[1]!, tracker);
    for (const at of offsetsOf(bytes).filter(offset => pidAt(bytes, offset) === NULL_PID))
      expect(
        bytes.subarray(at, at + PACKET_BYTES).equals(packet({ pid: NULL_PID, counter: 0, payload: Buffer.alloc(184) })),
      ).toBe(true);
    expect(pidsOf(bytes)).toContain(NULL_PID);
  });
});
