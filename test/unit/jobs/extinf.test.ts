import { describe, expect, it } from '@jest/globals';
import { parseExtinf, parseHeader } from '../../../workers/jobs/m3u/extinf.ts';

const read = (line: string) => {
  const { attributes, title } = parseExtinf(line);
  return { ...Object.fromEntries(attributes), title };
};

describe('an #EXTINF line', () => {
  it.each<[string, Record<string, string>]>([
    ['#EXTINF:-1 tvg-id="a.tv" group-title="News",One', { 'tvg-id': 'a.tv', 'group-title': 'News', title: 'One' }],
    ["#EXTINF:-1 tvg-id='a.tv' group-title='L'info',One", { 'tvg-id': 'a.tv', 'group-title': "L'info", title: 'One' }],
    [
      '#EXTINF:0 tvg-id=a.tv group-title=World News tvg-chno=7,One',
      { 'tvg-id': 'a.tv', 'group-title': 'World News', 'tvg-chno': '7', title: 'One' },
    ],
    ['#EXTINF:-1 tvg-id=“a.tv” group-title=„News”,One', { 'tvg-id': 'a.tv', 'group-title': 'News', title: 'One' }],
    // A quote is missing: behind a value, behind the last value, before a value.
    ['#EXTINF:-1 tvg-id="a.tv group-title="News",One', { 'tvg-id': 'a.tv', 'group-title': 'News', title: 'One' }],
    [
      '#EXTINF:-1 tvg-id="a.tv" group-title="News,One, two',
      { 'tvg-id': 'a.tv', 'group-title': 'News', title: 'One, two' },
    ],
    ['#EXTINF:-1 tvg-id=a.tv" group-title="News",One', { 'tvg-id': 'a.tv', 'group-title': 'News', title: 'One' }],
    // Commas and quotes inside.
    [
      '#EXTINF:-1 group-title="News, sports",One, two "three"',
      { 'group-title': 'News, sports', title: 'One, two "three"' },
    ],
    [
      '#EXTINF:-1 tvg-name="The "Best" One" group-title="x",The "Best" One',
      { 'tvg-name': 'The "Best" One', 'group-title': 'x', title: 'The "Best" One' },
    ],
    ['#EXTINF:-1 tvg-name="The \\"Best\\"",One', { 'tvg-name': 'The "Best"', title: 'One' }],
    ['#EXTINF:-1 tvg-name=""One"" group-title="x",One', { 'tvg-name': 'One', 'group-title': 'x', title: 'One' }],
    // Keys in any case, twice, with underscores.
    ['#EXTINF:-1 TVG-ID="" tvg-ID="a" Tvg_Id="b",One', { 'tvg-id': 'a', title: 'One' }],
    ['#extinf:-1 tvg-id = "a" , One', { 'tvg-id': 'a', title: 'One' }],
    // Attributes behind the comma, no comma, no colon, no duration, nothing at all.
    ['#EXTINF:-1,tvg-id="a" group-title="b",One', { 'tvg-id': 'a', 'group-title': 'b', title: 'One' }],
    ['#EXTINF:-1 tvg-id="a" One and only', { 'tvg-id': 'a', title: 'One and only' }],
    ['#EXTINF -1,One', { title: 'One' }],
    ['#EXTINF:One', { title: 'One' }],
    ['#EXTINF:10.5,One', { title: 'One' }],
    ['#EXTINF:-1,', { title: '' }],
    ['#EXTINF:', { title: '' }],
    ['#EXTINF:-1,"One"', { title: 'One' }],
    ['#EXTINF:-1,   One \t two  ', { title: 'One two' }],
    ['#EXTINF:-1 tvg-name="A&amp;E",A&amp;E &#39;s', { 'tvg-name': 'A&E', title: "A&E 's" }],
    ['#EXTINF:-1 tvg-logo="http://l/?a=b&c=d",1=1', { 'tvg-logo': 'http://l/?a=b&c=d', title: '1=1' }],
    ['#EXTINF:-1 junk tvg-id="a" more,One', { 'tvg-id': 'a', title: 'One' }],
  ])('%s', (line, expected) => {
    expect(read(line)).toEqual(expected);
  });

  it('is read in one pass, whatever is in it', () => {
    const nasty = [
      'a="'.repeat(5_000),
      ' a="b'.repeat(3_000),
      '" '.repeat(8_000),
      `tvg-id="${' a'.repeat(8_000)}`,
      `x=${' '.repeat(16_000)}=`,
      `x=${'a '.repeat(8_000)}`,
      `${'-'.repeat(16_000)}=`,
      `tvg-id="${'"a-'.repeat(5_000)}`,
      ','.repeat(16_000),
    ];
    for (const text of nasty) {
      const before = process.cpuUsage();
      parseExtinf(`#EXTINF:-1 ${text}`);
      expect(process.cpuUsage(before).user / 1000).toBeLessThan(250);
    }
  });
});

describe('a header', () => {
  it('names guides', () => {
    expect(parseHeader('#EXTM3U url-tvg="http://g/a.xml" X-TVG-URL=\'http://g/b.xml\'').get('x-tvg-url')).toBe(
      'http://g/b.xml',
    );
  });
});
