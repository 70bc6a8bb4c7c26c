import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatXmltvTime, parseXmltvTime } from '../../../src/guide/xmltv-time.ts';

const unix = (iso: string): number => Date.parse(iso) / 1000;

describe('a time of XMLTV', () => {
  it.each([
    ['20260725190000 +0200', '2026-07-25T17:00:00Z'],
    ['20260725190000+0200', '2026-07-25T17:00:00Z'],
    ['20260725190000 +02:00', '2026-07-25T17:00:00Z'],
    ['20260725190000 +02', '2026-07-25T17:00:00Z'],
    ['20260725190000 -0330', '2026-07-25T22:30:00Z'],
    ['20260725190000', '2026-07-25T19:00:00Z'],
    ['20260725190000 Z', '2026-07-25T19:00:00Z'],
    ['20260725190000Z', '2026-07-25T19:00:00Z'],
    ['20260725190000 UTC', '2026-07-25T19:00:00Z'],
    ['20260725190000 gmt', '2026-07-25T19:00:00Z'],
    ['20260725190000 BST', '2026-07-25T18:00:00Z'],
    ['20260725190000 CEST', '2026-07-25T17:00:00Z'],
    ['202607251900 +0200', '2026-07-25T17:00:00Z'],
    ['202607251900', '2026-07-25T19:00:00Z'],
    ['2026072519', '2026-07-25T19:00:00Z'],
    ['20260725', '2026-07-25T00:00:00Z'],
    ['20260725190059.123 +0200', '2026-07-25T17:00:59Z'],
    ['2026-07-25T19:00:00+02:00', '2026-07-25T17:00:00Z'],
    ['2026-07-25T19:00:00Z', '2026-07-25T19:00:00Z'],
    ['2026-07-25 19:00', '2026-07-25T19:00:00Z'],
    ['  20260725190000 +0200 ', '2026-07-25T17:00:00Z'],
    ['20260725240000 +0000', '2026-07-26T00:00:00Z'],
    ['20240229120000', '2024-02-29T12:00:00Z'],
    ['20261231235960', '2027-01-01T00:00:00Z'],
  ])('%s is %s', (text, iso) => {
    expect(parseXmltvTime(text)).toBe(unix(iso));
  });

  it.each([
    '',
    'now',
    '2026',
    '202607',
    '20260231120000',
    '20250229120000',
    '20261301120000',
    '20260001120000',
    '20260700120000',
    '20260725250000',
    '20260725240100',
    '20260725196000',
    '20260725190061',
    '20260725190000 +9900',
    '20260725190000 +0275',
    '20260725190000 XYZ',
    '20260725190000 +0200 and more',
    '10000101000000',
    '99991231000000',
    `20260725${' '.repeat(100)}+0200`,
    '1785002400',
  ])('%j is none', text => {
    expect(parseXmltvTime(text)).toBeUndefined();
  });

  it('is the same instant on both sides of a change of clocks', () => {
    // In Madrid 2026-10-25 has 25 hours: 02:30 comes twice, and the offset tells which one is meant.
    expect(parseXmltvTime('20261025023000 +0200')).toBe(unix('2026-10-25T00:30:00Z'));
    expect(parseXmltvTime('20261025023000 +0100')).toBe(unix('2026-10-25T01:30:00Z'));
    // On 2026-03-29 there is no 02:30.
    expect(parseXmltvTime('20260329013000 +0100')! + 3600).toBe(parseXmltvTime('20260329033000 +0200'));
  });

  it('that is written is read as the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: unix('1980-01-01'), max: unix('2199-12-31') }), seconds => {
        expect(formatXmltvTime(seconds)).toMatch(/^\d{14} \+0000$/);
        expect(parseXmltvTime(formatXmltvTime(seconds))).toBe(seconds);
      }),
    );
  });

  it('never throws, and takes no time over nonsense', () => {
    fc.assert(fc.property(fc.string(), text => void parseXmltvTime(text)));
    const startedMs = performance.now();
    parseXmltvTime('2'.repeat(5 << 20));
    parseXmltvTime(`20260725${' '.repeat(40)}`);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
});
