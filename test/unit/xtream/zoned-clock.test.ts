import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ZonedClock } from '../../../src/xtream/zoned-clock.ts';

/** Seconds by which a zone's clocks are ahead of UTC, found out in another way than the clock's own. */
function offsetSeconds(timeZone: string, unixSeconds: number): number {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  const name = format.formatToParts(unixSeconds * 1000).find(({ type }) => type === 'timeZoneName')!.value;
  const [, sign, hours = '0', minutes = '0'] = name.match(/^GMT(?:([+-])(\d\d):(\d\d))?$/)!;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

describe('a clock of a time zone', () => {
  it.each([
    ['Europe/Madrid', '2026-03-29T00:59:59Z', '2026-03-29 01:59:59'],
    ['Europe/Madrid', '2026-03-29T01:00:00Z', '2026-03-29 03:00:00'],
    ['Europe/Madrid', '2026-10-25T00:30:00Z', '2026-10-25 02:30:00'],
    ['Europe/Madrid', '2026-10-25T01:30:00Z', '2026-10-25 02:30:00'],
    ['America/New_York', '2026-11-01T05:59:59Z', '2026-11-01 01:59:59'],
    ['Asia/Kolkata', '2026-07-25T18:30:00Z', '2026-07-26 00:00:00'],
    ['UTC', '2026-01-01T00:00:00Z', '2026-01-01 00:00:00'],
  ])('shows in %s what clocks there show at %s', (timeZone, moment, shown) => {
    expect(new ZonedClock(timeZone).show(Date.parse(moment) / 1000)).toBe(shown);
  });

  it('agrees with the zone at any moment, across every change of the clocks', () => {
    const zones = fc.constantFrom('UTC', 'Europe/Madrid', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kathmandu');
    fc.assert(
      fc.property(zones, fc.integer({ min: 1_500_000_000, max: 2_000_000_000 }), (timeZone, unixSeconds) => {
        const asIfUtc = Date.parse(`${new ZonedClock(timeZone).show(unixSeconds).replace(' ', 'T')}Z`) / 1000;
        expect(asIfUtc - unixSeconds).toBe(offsetSeconds(timeZone, unixSeconds));
      }),
    );
  });
});
