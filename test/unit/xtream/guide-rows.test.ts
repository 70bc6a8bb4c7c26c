import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { legacyListing, limitOf, listing } from '../../../src/xtream/guide-rows.ts';
import { ZonedClock } from '../../../src/xtream/zoned-clock.ts';

const PROGRAMME = { startAt: 1_784_998_800, stopAt: 1_785_002_400, title: 'Las ñoñerías', description: null };
const CONTEXT = {
  channelId: 101,
  guideId: 'news24.es',
  clock: new ZonedClock('Europe/Madrid'),
  nowSeconds: 1_785_000_000,
};

describe('a programme in epg_listings', () => {
  it('has every field with the type that players insist on', () => {
    const row = listing(PROGRAMME, CONTEXT);
    expect(row).toEqual({
      id: expect.stringMatching(/^\d+$/),
      epg_id: '101',
      title: Buffer.from('Las ñoñerías').toString('base64'),
      lang: '',
      start: '2026-07-25 19:00:00',
      end: '2026-07-25 20:00:00',
      description: '',
      channel_id: 'news24.es',
      start_timestamp: '1784998800',
      stop_timestamp: '1785002400',
      now_playing: 1,
      has_archive: 0,
    });
  });

  it.each([
    [1_784_998_799, 0],
    [1_784_998_800, 1],
    [1_785_002_399, 1],
    [1_785_002_400, 0],
  ])('plays at %i: %i', (nowSeconds, now_playing) => {
    expect(listing(PROGRAMME, { ...CONTEXT, nowSeconds }).now_playing).toBe(now_playing);
  });

  it('has an id of 31 bits that no other programme of the channel has', () => {
    const times = fc.integer({ min: 1_000_000_000, max: 3_000_000_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), times, times, (channelId, one, other) => {
        const idAt = (startAt: number) => Number(listing({ ...PROGRAMME, startAt }, { ...CONTEXT, channelId }).id);
        expect(idAt(one)).toBeGreaterThanOrEqual(0);
        expect(idAt(one)).toBeLessThan(2 ** 31);
        expect(idAt(one) === idAt(other)).toBe(one === other);
      }),
    );
  });

  it('has unix seconds for begin and end in the older form', () => {
    expect(legacyListing(PROGRAMME, CONTEXT)).toMatchObject({ start: 1_784_998_800, end: 1_785_002_400 });
  });
});

describe('how many programmes are given', () => {
  it.each([
    [undefined, 4],
    ['10', 10],
    ['0', 4],
    ['-3', 4],
    ['1.5', 4],
    ['many', 4],
    ['999999', 1000],
  ])('for limit=%p: %i', (text, limit) => {
    expect(limitOf(text)).toBe(limit);
  });
});
