import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import playlistParser from 'iptv-playlist-parser';
import {
  type ListedChannel,
  liveRow,
  panelEntry,
  plainPlaylistEntry,
  playlistEntry,
} from '../../../src/xtream/channel-rows.ts';

const CHANNEL: ListedChannel = {
  id: 101,
  name: 'News 24',
  number: null,
  place: 3,
  categoryId: 5,
  categoryName: 'Sports',
  logoUrl: 'http://logos.example/24.png',
  guideId: 'news24.es',
  addedAt: 1_735_884_153,
};

describe('a channel in get_live_streams', () => {
  it('has every field with the type that players insist on', () => {
    expect(JSON.parse(liveRow(CHANNEL))).toEqual({
      num: 3,
      name: 'News 24',
      stream_type: 'live',
      stream_id: 101,
      stream_icon: 'http://logos.example/24.png',
      epg_channel_id: 'news24.es',
      added: '1735884153',
      category_id: '5',
      category_ids: [5],
      custom_sid: '',
      tv_archive: 0,
      direct_source: '',
      tv_archive_duration: 0,
      thumbnail: '',
    });
  });

  it('never has null for a logo', () => {
    expect(JSON.parse(liveRow({ ...CHANNEL, logoUrl: null }))).toMatchObject({ stream_icon: '' });
  });

  it.each([
    [12, 12],
    [null, 3],
    [0, 3],
    [1.5, 3],
  ])('dialled as %p is number %i', (number, num) => {
    expect(JSON.parse(liveRow({ ...CHANNEL, number }))).toMatchObject({ num });
  });

  it('is a member with its own key in panel_api.php', () => {
    expect(JSON.parse(`{${panelEntry(CHANNEL)}}`)).toEqual({
      101: expect.objectContaining({ stream_id: '101', category_name: 'Sports', live: '1', series_no: null }),
    });
  });
});

describe('a channel in a playlist', () => {
  it('has its attributes, and its number where it has one', () => {
    expect(playlistEntry(CHANNEL)).toBe(
      '#EXTINF:-1 tvg-id="news24.es" tvg-name="News 24" tvg-logo="http://logos.example/24.png" group-title="Sports",News 24\r\n',
    );
    expect(playlistEntry({ ...CHANNEL, number: 12 })).toContain(' tvg-chno="12" ');
    expect(plainPlaylistEntry(CHANNEL)).toBe('#EXTINF:-1,News 24\r\n');
  });

  it.each([
    ['a "quoted" name', "a 'quoted' name"],
    ['two\r\nlines', 'two lines'],
    ['a\u2028separator', 'a separator'],
    ['  edges\t', 'edges'],
    ['', 'Channel 101'],
    ['News, late', 'News, late'],
  ])('named %p is shown as %p', (name, shown) => {
    expect(playlistEntry({ ...CHANNEL, name })).toMatch(new RegExp(`,${shown}\r\n$`));
  });

  it('stays one entry for a parser, whatever its texts are', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    fc.assert(
      fc.property(text, text, text, fc.option(text), (name, categoryName, guideId, logoUrl) => {
        const entry = playlistEntry({ ...CHANNEL, name, categoryName, guideId, logoUrl });
        expect(entry.split(/[\r\n\u2028\u2029]+/)).toEqual([expect.any(String), '']);
        const { items } = playlistParser.parse(`#EXTM3U\r\n${entry}http://host/live/u/p/101\r\n`);
        expect(items).toHaveLength(1);
        expect(items[0]).toMatchObject({ url: 'http://host/live/u/p/101' });
        expect(items[0]!.tvg.logo).not.toMatch(/["\s]/);
      }),
    );
  });
});
