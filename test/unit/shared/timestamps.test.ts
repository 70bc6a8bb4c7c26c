import { describe, expect, it } from '@jest/globals';
import {
  hasPcr,
  PCR_MODULO,
  pcrDifference,
  readPcr,
  readPcrBase,
  readTimestamp,
  TIMESTAMP_MODULO,
  writePcr,
  writePcrBase,
  writeTimestamp,
} from '../../../src/shared/timestamps.ts';
import { packet, pesHeader } from '../support/ts.ts';

const BASES = [0, 1, 0x1ffff, 2 ** 31, 2 ** 32 + 1, TIMESTAMP_MODULO - 1];

describe('the clock of a program', () => {
  it.each(BASES)('base %i is read and written', base => {
    const made = packet({ pid: 1, counter: 0, pcrBase: base });
    expect([hasPcr(made, 0), readPcrBase(made, 6), readPcr(made, 6)]).toEqual([true, base, base * 300]);
    const written = packet({ pid: 1, counter: 0, pcrBase: 0 });
    writePcrBase(written, 6, base);
    expect(written.equals(made)).toBe(true);
  });

  it('has an extension, which a new base leaves alone', () => {
    const made = packet({ pid: 1, counter: 0, pcrBase: 5 });
    for (const pcr of [299, 300, 12_345_678_901, PCR_MODULO - 1]) {
      writePcr(made, 6, pcr);
      expect([readPcr(made, 6), readPcrBase(made, 6)]).toEqual([pcr, Math.floor(pcr / 300)]);
    }
    writePcrBase(made, 6, 7);
    expect(readPcr(made, 6)).toBe(7 * 300 + 299);
  });

  it('is only there where the adaptation field has room and says so', () => {
    expect(hasPcr(packet({ pid: 1, counter: 0, payload: Buffer.alloc(184) }), 0)).toBe(false);
    expect(hasPcr(packet({ pid: 1, counter: 0, payload: Buffer.alloc(100), randomAccess: true }), 0)).toBe(false);
    const short = packet({ pid: 1, counter: 0, pcrBase: 1 });
    short[4] = 6;
    expect(hasPcr(short, 0)).toBe(false);
  });

  it.each([
    [5, 3, 2],
    [3, 5, -2],
    [1, PCR_MODULO - 1, 2],
    [PCR_MODULO - 1, 1, -2],
    [0, 0, 0],
  ])('%i lies after %i by %i, the shorter way round', (later, earlier, ticks) => {
    expect(pcrDifference(later, earlier)).toBe(ticks);
  });
});

describe('a time in a PES header', () => {
  it.each(BASES)('%i is read and written, the bits in front of it are kept', time => {
    const header = pesHeader(0xe0, time);
    expect(readTimestamp(header, 9)).toBe(time);
    const written = pesHeader(0xe0, 0);
    writeTimestamp(written, 9, time);
    expect(written.equals(header)).toBe(true);
  });
});
