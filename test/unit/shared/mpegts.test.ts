import { describe, expect, it } from '@jest/globals';
import {
  accessUnitHint,
  bridgePacket,
  continuityOf,
  crc32,
  flagDiscontinuity,
  hasAdaptationFlags,
  hasPayload,
  hasTransportError,
  isRandomAccess,
  isScrambled,
  isVideo,
  nullPackets,
  PACKET_BYTES,
  parseProgramMap,
  payloadAt,
  pidOf,
  programMapPid,
  startsUnit,
} from '../../../src/shared/mpegts.ts';
import {
  AAC,
  ACCESS_UNITS,
  type AccessUnit,
  AUDIO_PID,
  descriptor,
  faultsIn,
  H264,
  HEVC,
  MPEG2,
  packet,
  patSection,
  pesHeader,
  pmtSection,
  VIDEO_PID,
} from '../support/ts.ts';

/** A buffer in which the packet does not lie at the beginning. */
const SHIFT = 13;
const shifted = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(SHIFT, 0x47), bytes]);

describe('the fields of a packet', () => {
  it.each([0, 1, 0x100, 0x1234, 0x1fff])('PID %i is read whatever the flags around it', pid => {
    const payload = Buffer.alloc(184);
    for (const fields of [{}, { startsUnit: true }, { scrambled: true }])
      expect(pidOf(shifted(packet({ pid, counter: 15, payload, ...fields })), SHIFT)).toBe(pid);
  });

  it.each(Array.from({ length: 16 }, (_, i) => i))('continuity counter %i is read', counter => {
    expect(continuityOf(shifted(packet({ pid: 1, counter, payload: Buffer.alloc(184) })), SHIFT)).toBe(counter);
  });

  it('a unit start is seen by its flag alone', () => {
    const payload = Buffer.alloc(184, 0xff);
    expect(startsUnit(shifted(packet({ pid: 0x1fff, counter: 0, payload, startsUnit: true })), SHIFT)).toBe(true);
    expect(startsUnit(shifted(packet({ pid: 0x1fff, counter: 0, payload })), SHIFT)).toBe(false);
  });

  it.each([
    ['payload only', packet({ pid: 1, counter: 0, payload: Buffer.alloc(184) }), true, false, 4],
    ['one byte of stuffing', packet({ pid: 1, counter: 0, payload: Buffer.alloc(183) }), true, false, 5],
    [
      'flags and payload',
      packet({ pid: 1, counter: 0, payload: Buffer.alloc(100), randomAccess: true }),
      true,
      true,
      88,
    ],
    ['one byte of payload', packet({ pid: 1, counter: 0, payload: Buffer.alloc(1), pcrBase: 7 }), true, true, 187],
    ['adaptation field only', packet({ pid: 1, counter: 0, pcrBase: 7 }), false, true, 188],
  ])('%s: payload and adaptation flags are told apart', (_, bytes, payload, flags, at) => {
    const buffer = shifted(bytes);
    expect(hasPayload(buffer, SHIFT)).toBe(payload);
    expect(hasAdaptationFlags(buffer, SHIFT)).toBe(flags);
    expect(payloadAt(buffer, SHIFT)).toBe(SHIFT + at);
  });

  it('never looks for payload behind the packet, whatever length a damaged adaptation field claims', () => {
    const bytes = packet({ pid: 1, counter: 0, payload: Buffer.alloc(100), randomAccess: true });
    bytes[4] = 255;
    expect(payloadAt(shifted(bytes), SHIFT)).toBe(SHIFT + PACKET_BYTES);
  });

  it('random access is the flag in the adaptation field, not a byte that happens to be there', () => {
    const payload = Buffer.alloc(184, 0xff);
    expect(isRandomAccess(shifted(packet({ pid: 1, counter: 0, payload })), SHIFT)).toBe(false);
    expect(isRandomAccess(packet({ pid: 1, counter: 0, payload: payload.subarray(1) }), 0)).toBe(false);
    expect(isRandomAccess(packet({ pid: 1, counter: 0, payload: payload.subarray(50), pcrBase: 1 }), 0)).toBe(false);
    const flagged = packet({ pid: 1, counter: 0, payload: payload.subarray(50), randomAccess: true });
    expect(isRandomAccess(shifted(flagged), SHIFT)).toBe(true);
  });

  it('scrambled payload is recognised by either key', () => {
    const bytes = packet({ pid: 1, counter: 5, payload: Buffer.alloc(184) });
    expect(isScrambled(bytes, 0)).toBe(false);
    for (const bits of [0x40, 0x80, 0xc0]) {
      const scrambled = Buffer.from(bytes);
      scrambled[3]! |= bits;
      expect(isScrambled(scrambled, 0)).toBe(true);
    }
  });

  it('the discontinuity indicator is set and nothing else changes', () => {
    const fields = { pid: 0x123, counter: 9, payload: Buffer.alloc(100, 5), randomAccess: true, pcrBase: 99 };
    const buffer = shifted(packet(fields));
    flagDiscontinuity(buffer, SHIFT);
    expect(buffer).toEqual(shifted(packet({ ...fields, discontinuity: true })));
  });
});

describe('a bridge packet', () => {
  it.each([0, 1, 7, 15])('before counter %i is a valid packet that announces the jump and leads up to it', next => {
    const bridge = bridgePacket(0x1abc, next);
    const following = packet({ pid: 0x1abc, counter: next, payload: Buffer.alloc(184) });
    const before = packet({ pid: 0x1abc, counter: next + 7, payload: Buffer.alloc(184) });
    expect(bridge).toHaveLength(PACKET_BYTES);
    expect([pidOf(bridge, 0), startsUnit(bridge, 0), isScrambled(bridge, 0)]).toEqual([0x1abc, false, false]);
    expect([hasPayload(bridge, 0), hasAdaptationFlags(bridge, 0), isRandomAccess(bridge, 0)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(payloadAt(bridge, 0)).toBe(187);
    expect(bridge[5]).toBe(0x80);
    expect(faultsIn(Buffer.concat([before, bridge, following]))).toEqual([]);
    expect(faultsIn(Buffer.concat([before, following]))).toHaveLength(1);
  });
});

describe('the tables', () => {
  it('the first program of the association table counts, the network table does not', () => {
    expect(programMapPid(patSection([{ number: 1, pid: 0x1000 }]))).toBe(0x1000);
    const several = patSection([
      { number: 0, pid: 0x10 },
      { number: 7, pid: 0x1abc },
      { number: 8, pid: 0x200 },
    ]);
    expect(programMapPid(several)).toBe(0x1abc);
  });

  it('an association table without programs names none, and its CRC is not taken for one', () => {
    expect(programMapPid(patSection([]))).toBeUndefined();
    expect(programMapPid(patSection([{ number: 0, pid: 0x10 }]))).toBeUndefined();
  });

  it('a program map lists its streams over all descriptors', () => {
    const section = pmtSection(
      0x1ff,
      [
        { type: H264, pid: 0x1ff, descriptors: Buffer.concat([descriptor(0x28, 4), descriptor(0x0a, 4)]) },
        { type: AAC, pid: 0x200 },
        { type: 0x06, pid: 0x1ffe, descriptors: descriptor(0x59, 200) },
      ],
      { programDescriptors: descriptor(0x09, 100) },
    );
    expect(parseProgramMap(section)).toEqual({
      pcrPid: 0x1ff,
      streams: [
        { type: H264, pid: 0x1ff },
        { type: AAC, pid: 0x200 },
        { type: 0x06, pid: 0x1ffe },
      ],
    });
  });

  it('a program map without streams has none', () => {
    expect(parseProgramMap(pmtSection(0x1fff, []))).toEqual({ pcrPid: 0x1fff, streams: [] });
  });

  it('damaged lengths end the reading instead of running over the section', () => {
    const streams = [
      { type: H264, pid: VIDEO_PID },
      { type: AAC, pid: AUDIO_PID },
    ];
    const intact = pmtSection(VIDEO_PID, streams);
    const longDescriptors = Buffer.from(intact);
    longDescriptors.writeUInt16BE(0xffff, 15);
    expect(parseProgramMap(longDescriptors).streams).toEqual([streams[0]]);
    const longProgramInfo = Buffer.from(intact);
    longProgramInfo.writeUInt16BE(0xffff, 10);
    expect(parseProgramMap(longProgramInfo).streams).toEqual([]);
    for (let length = 0; length < intact.length; length++)
      expect(parseProgramMap(intact.subarray(0, length)).streams.length).toBeLessThanOrEqual(2);
  });

  it.each([0x01, 0x02, 0x10, 0x1b, 0x24, 0x33])('stream_type %i is video', type => {
    expect(isVideo(type)).toBe(true);
  });

  it.each([0x03, 0x04, 0x05, 0x06, 0x0f, 0x11, 0x15, 0x81, 0x86, 0x87])('stream_type %i is not video', type => {
    expect(isVideo(type)).toBe(false);
  });
});

describe('the hint in the first bytes of a picture', () => {
  const hint = (type: number, payload: Buffer): string =>
    accessUnitHint(shifted(payload), type, SHIFT, SHIFT + payload.length);

  it.each([
    [H264, 'h264Key', 'key'],
    [H264, 'h264Idr', 'key'],
    [H264, 'h264Slice', 'not-key'],
    [H264, 'h264Sei', 'unknown'],
    [HEVC, 'hevcKey', 'key'],
    [HEVC, 'hevcCra', 'key'],
    [HEVC, 'hevcSlice', 'not-key'],
    [MPEG2, 'mpeg2Key', 'key'],
    [MPEG2, 'mpeg2Picture', 'not-key'],
    [0x01, 'mpeg2Key', 'key'],
  ] as const)('stream_type %i, %s: %s', (type, unit: AccessUnit, expected) => {
    expect(
      hint(type, Buffer.concat([pesHeader(0xe0, 2 ** 32 + 12_345), ACCESS_UNITS[unit], Buffer.alloc(40, 0xaa)])),
    ).toBe(expected);
  });

  it.each(Array.from({ length: 16 }, (_, i) => 0xe0 + i))('does not depend on stream id %i of the PES packet', id => {
    for (const [type, unit, expected] of [
      [H264, 'h264Slice', 'not-key'],
      [H264, 'h264Sei', 'unknown'],
      [H264, 'h264Key', 'key'],
      [HEVC, 'hevcSlice', 'not-key'],
      [HEVC, 'hevcKey', 'key'],
      [MPEG2, 'mpeg2Picture', 'not-key'],
      [MPEG2, 'mpeg2Key', 'key'],
    ] as const)
      expect(hint(type, Buffer.concat([pesHeader(id), ACCESS_UNITS[unit], Buffer.alloc(40, 0xaa)]))).toBe(expected);
  });

  it.each([16, 17, 18, 19, 20, 21, 32, 33])('HEVC unit type %i begins a key frame', nal => {
    expect(hint(HEVC, Buffer.from([0, 0, 1, nal << 1, 1]))).toBe('key');
  });

  it.each([0, 1, 2, 8, 9])('HEVC unit type %i is an ordinary slice', nal => {
    expect(hint(HEVC, Buffer.from([0, 0, 1, nal << 1, 1]))).toBe('not-key');
  });

  it.each([34, 35, 39, 40])('HEVC unit type %i tells nothing', nal => {
    expect(hint(HEVC, Buffer.from([0, 0, 1, nal << 1, 1]))).toBe('unknown');
  });

  it('is found in the last bytes of the packet, but not behind them', () => {
    const payload = Buffer.concat([Buffer.alloc(60, 0xaa), Buffer.from([0, 0, 1, 0x65])]);
    expect(hint(H264, payload)).toBe('key');
    const buffer = shifted(payload);
    expect(accessUnitHint(buffer, H264, SHIFT, SHIFT + payload.length - 1)).toBe('unknown');
  });

  it.each([0x10, 0x42, 0xea])('is unknown for video of stream_type %i, which nobody looks into', type => {
    expect(hint(type, Buffer.from([0, 0, 1, 0x65, 0, 0, 1, 0xb3]))).toBe('unknown');
  });

  it('is unknown where there is no start code, and in no bytes at all', () => {
    expect(hint(H264, Buffer.alloc(184, 0xff))).toBe('unknown');
    expect(hint(H264, Buffer.alloc(184, 0))).toBe('unknown');
    expect(hint(H264, Buffer.alloc(0))).toBe('unknown');
  });
});

describe('packets that carry nothing', () => {
  it('are whole packets of the PID of stuffing, with a payload', () => {
    const nulls = nullPackets(3);
    expect(nulls).toHaveLength(3 * PACKET_BYTES);
    for (const at of [0, PACKET_BYTES, 2 * PACKET_BYTES])
      expect([
        nulls[at],
        pidOf(nulls, at),
        startsUnit(nulls, at),
        hasPayload(nulls, at),
        isScrambled(nulls, at),
      ]).toEqual([0x47, 0x1fff, false, true, false]);
    expect(nullPackets(0)).toHaveLength(0);
  });
});

describe('the checksum of sections', () => {
  it('is nothing over a section with its checksum, and something over a damaged one', () => {
    const section = patSection([{ number: 1, pid: 0x1000 }]);
    expect(crc32(section)).toBe(0);
    section[9]! ^= 1;
    expect(crc32(section)).not.toBe(0);
  });
});

describe('the mark of damage', () => {
  it('is told apart from the start of a unit', () => {
    const made = packet({ pid: 0x1fff, counter: 0, startsUnit: true, payload: Buffer.alloc(184) });
    expect(hasTransportError(made, 0)).toBe(false);
    made[1]! |= 0x80;
    expect([hasTransportError(made, 0), startsUnit(made, 0), pidOf(made, 0)]).toEqual([true, true, 0x1fff]);
  });
});
