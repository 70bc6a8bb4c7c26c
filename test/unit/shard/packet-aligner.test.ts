import { describe, expect, it } from '@jest/globals';
import { PacketAligner } from '../../../workers/shard/packet-aligner.ts';
import { seededRandom } from '../support/random.ts';
import { Multiplex, offsetsOf, PACKET_BYTES } from '../support/ts.ts';

const PACKETS = 60;

/** Real packets: tables, pictures, audio, stuffing. */
function transportStream(packets = PACKETS): Buffer {
  const multiplex = new Multiplex();
  while (multiplex.length < packets * PACKET_BYTES) multiplex.group().stuffing(2);
  return multiplex.take().subarray(0, packets * PACKET_BYTES);
}

/** Packets whose payload is random, with far more sync bytes in it than chance would have. */
function confusingStream(packets: number, random: () => number): Buffer {
  const bytes = Buffer.alloc(packets * PACKET_BYTES);
  for (let at = 0; at < bytes.length; at++) bytes[at] = random() < 0.3 ? 0x47 : Math.floor(random() * 256);
  for (let at = 0; at < bytes.length; at += PACKET_BYTES) bytes[at] = 0x47;
  return bytes;
}

interface Outcome {
  format: string;
  emitted: Buffer;
  /** Lengths of the runs. */
  runs: number[];
  discarded: number;
  /** How often the grid was lost. */
  losses: number;
}

function align(body: Buffer, nextSize: () => number): Outcome {
  const parts: Buffer[] = [];
  let discarded = 0;
  let losses = 0;
  const aligner = new PacketAligner(
    run => parts.push(Buffer.from(run)),
    bytes => {
      discarded += bytes;
    },
    () => losses++,
  );
  for (let at = 0; at < body.length; ) {
    const size = Math.max(1, nextSize());
    // Sources reuse their buffers: what was pushed may change afterwards.
    const chunk = Buffer.from(body.subarray(at, at + size));
    aligner.push(chunk);
    chunk.fill(0x47);
    at += size;
  }
  aligner.finish();
  const runs = parts.map(part => part.length);
  return { format: aligner.format, emitted: Buffer.concat(parts), runs, discarded, losses };
}

function expectWholePackets({ emitted, runs, discarded, format }: Outcome, body: Buffer): void {
  expect(format).toBe('mpegts');
  expect(runs.filter(length => length % PACKET_BYTES !== 0 || length === 0)).toEqual([]);
  expect(offsetsOf(emitted).filter(at => emitted[at] !== 0x47)).toEqual([]);
  expect(emitted.length + discarded).toBe(body.length);
}

const SIZES = Array.from({ length: 400 }, (_, i) => i + 1);
const STREAM = transportStream();

describe('a transport stream in pieces', () => {
  it('comes out exactly, whatever the size of the pieces', () => {
    for (const size of SIZES) {
      const outcome = align(STREAM, () => size);
      expect({ size, same: outcome.emitted.equals(STREAM), discarded: outcome.discarded }).toEqual({
        size,
        same: true,
        discarded: 0,
      });
      expectWholePackets(outcome, STREAM);
    }
  });

  it('comes out exactly in pieces of random size', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seededRandom(seed);
      const largest = 1 + Math.floor(random() * 3000);
      const outcome = align(STREAM, () => Math.ceil(random() * largest));
      expect({ seed, same: outcome.emitted.equals(STREAM) }).toEqual({ seed, same: true });
      expectWholePackets(outcome, STREAM);
    }
  });

  it('that comes in one piece is handed on in one run', () => {
    const outcome = align(STREAM, () => STREAM.length);
    expect(outcome.emitted.equals(STREAM)).toBe(true);
    expect(outcome.runs).toEqual([STREAM.length]);
  });

  it('that starts in the middle of a packet begins with the next whole one', () => {
    for (let cut = 1; cut < PACKET_BYTES; cut++) {
      const body = STREAM.subarray(cut);
      for (const size of [7, 188, 189, 1316, body.length]) {
        const outcome = align(body, () => size);
        expect({ cut, size, same: outcome.emitted.equals(STREAM.subarray(PACKET_BYTES)) }).toEqual({
          cut,
          size,
          same: true,
        });
        expect([outcome.discarded, outcome.losses]).toEqual([PACKET_BYTES - cut, 0]);
      }
    }
  });

  it('that ends in the middle of a packet loses only that packet', () => {
    for (const cut of [1, 100, 187])
      for (const size of [1, 50, 188, 100_000]) {
        const outcome = align(STREAM.subarray(0, STREAM.length - cut), () => size);
        expect(outcome.emitted.equals(STREAM.subarray(0, -PACKET_BYTES))).toBe(true);
        expect([outcome.discarded, outcome.losses]).toEqual([PACKET_BYTES - cut, 0]);
      }
  });

  it('comes out exactly when its payload is nothing but sync bytes', () => {
    const body = Buffer.alloc(40 * PACKET_BYTES, 0x47);
    for (const size of [1, 13, 188, 1000, body.length]) {
      const outcome = align(body, () => size);
      expect(outcome.emitted.equals(body)).toBe(true);
      expectWholePackets(outcome, body);
    }
  });

  it('full of sync bytes finds its true grid even when it starts in the middle of a packet', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = seededRandom(seed);
      const stream = confusingStream(300, random);
      const body = stream.subarray(1 + Math.floor(random() * 187));
      const outcome = align(body, () => Math.ceil(random() * 2000));
      expectWholePackets(outcome, body);
      // A false grid can be believed for some packets, but never lasts.
      expect(outcome.emitted.subarray(-100 * PACKET_BYTES).equals(stream.subarray(-100 * PACKET_BYTES))).toBe(true);
    }
  });
});

describe('a transport stream that is damaged', () => {
  const at = 20 * PACKET_BYTES;
  const before = STREAM.subarray(0, at);
  const after = STREAM.subarray(at);

  it.each([1, 3, 187, 188, 189, 376, 500, 5000, 40_000])(
    'loses nothing but %i bytes that were put between two packets',
    count => {
      for (const size of [1, 64, 188, 1316, 100_000]) {
        const body = Buffer.concat([before, Buffer.alloc(count, 0xaa), after]);
        const outcome = align(body, () => size);
        expect({ size, same: outcome.emitted.equals(STREAM) }).toEqual({ size, same: true });
        expect([outcome.discarded, outcome.losses]).toEqual([count, 1]);
      }
    },
  );

  it('loses one packet, and damages none that follows, when bytes are missing in it', () => {
    for (const missing of [1, 60, 187])
      for (const size of [1, 64, 188, 1316, 100_000]) {
        const body = Buffer.concat([
          STREAM.subarray(0, at + PACKET_BYTES - missing),
          STREAM.subarray(at + PACKET_BYTES),
        ]);
        const outcome = align(body, () => size);
        expectWholePackets(outcome, body);
        expect(outcome.emitted.subarray(0, at).equals(before)).toBe(true);
        const tail = STREAM.subarray(at + 2 * PACKET_BYTES);
        expect(outcome.emitted.subarray(-tail.length).equals(tail)).toBe(true);
        // The damaged packet takes bytes of the next one with it.
        expect(outcome.emitted.length).toBe(STREAM.length - PACKET_BYTES);
      }
  });

  it('damages one packet, and none that follows, when bytes are put into it', () => {
    for (const extra of [1, 60, 187, 188, 1000])
      for (const size of [1, 64, 188, 1316, 100_000]) {
        const inside = at + 100;
        const body = Buffer.concat([STREAM.subarray(0, inside), Buffer.alloc(extra, 0xaa), STREAM.subarray(inside)]);
        const outcome = align(body, () => size);
        expectWholePackets(outcome, body);
        expect(outcome.emitted.subarray(0, at).equals(before)).toBe(true);
        const tail = STREAM.subarray(at + PACKET_BYTES);
        expect(outcome.emitted.subarray(-tail.length).equals(tail)).toBe(true);
        expect(outcome.discarded).toBe(extra);
      }
  });

  it('recovers from damage again and again: only whole packets come out, and nothing is unaccounted for', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const parts: Buffer[] = [STREAM];
      for (let i = 0; i < 5; i++) {
        const piece = transportStream(10 + Math.floor(random() * 30));
        const from = Math.floor(random() * 400);
        parts.push(Buffer.alloc(Math.floor(random() * 700), 0xaa), piece.subarray(from));
      }
      const last = transportStream(50);
      parts.push(last);
      const body = Buffer.concat(parts);
      const outcome = align(body, () => Math.ceil(random() * 1500));
      expectWholePackets(outcome, body);
      const tail = last.subarray(2 * PACKET_BYTES);
      expect(outcome.emitted.subarray(-tail.length).equals(tail)).toBe(true);
    }
  });

  it('stays a transport stream however long the damage lasts, which is one loss of the grid', () => {
    const body = Buffer.concat([STREAM, Buffer.alloc(1 << 20, 0xaa), STREAM]);
    const outcome = align(body, () => 65_536);
    expect(outcome.losses).toBe(1);
    expect(outcome.emitted.equals(Buffer.concat([STREAM, STREAM]))).toBe(true);
    expect(outcome.discarded).toBe(1 << 20);
  });
});

describe('a body that is not a transport stream', () => {
  it.each([16_384, 16_385, 50_000])('of %i bytes is passed on byte for byte', length => {
    const random = seededRandom(length);
    const body = Buffer.from(Uint8Array.from({ length }, () => random() * 256));
    for (const size of [1, 100, 4096, 16_383, 16_384, 100_000]) {
      const outcome = align(body, () => size);
      expect([outcome.format, outcome.emitted.equals(body), outcome.discarded]).toEqual(['bytes', true, 0]);
    }
  });

  it('is known as such before its end', () => {
    const parts: Buffer[] = [];
    const aligner = new PacketAligner(
      run => parts.push(Buffer.from(run)),
      () => {},
      () => {},
    );
    aligner.push(Buffer.alloc(16_383, 1));
    expect([aligner.format, parts.length]).toEqual(['unknown', 0]);
    aligner.push(Buffer.alloc(1, 1));
    expect([aligner.format, parts.length]).toEqual(['bytes', 1]);
    aligner.push(Buffer.alloc(5, 2));
    expect(Buffer.concat(parts)).toHaveLength(16_389);
  });

  it.each([1, 187, 188, 376])('and is too short to be judged (%i bytes) is passed on at its end', length => {
    const body = Buffer.alloc(length, 0x47);
    const outcome = align(body, () => 100);
    expect([outcome.format, outcome.emitted.equals(body), outcome.discarded]).toEqual(['bytes', true, 0]);
  });

  it('and has no byte at all brings none', () => {
    expect(align(Buffer.alloc(0), () => 1)).toEqual({
      format: 'unknown',
      emitted: Buffer.alloc(0),
      runs: [],
      discarded: 0,
      losses: 0,
    });
  });
});
