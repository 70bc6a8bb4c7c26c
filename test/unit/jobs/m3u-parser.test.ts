import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse as parsePlaylist } from 'iptv-playlist-parser';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { ListEntry } from '../../../workers/jobs/list-entry.ts';
import { M3uParser, MAX_LINE_BYTES } from '../../../workers/jobs/m3u/m3u-parser.ts';

const HASH = '94c2fd8fb9bc8f2fc71a2cbe9d4b866f227a0209';

interface Parsed {
  entries: ListEntry[];
  skipped: Record<string, number>;
  guides: readonly string[];
}

/** @param cuts how large the pieces are in which it comes; the last goes on */
function parse(list: Buffer | string, cuts: readonly number[] = [1 << 16]): Parsed {
  const parsed: Parsed = { entries: [], skipped: {}, guides: [] };
  const parser = new M3uParser({
    entry: entry => void parsed.entries.push(entry),
    skipped: reason => {
      parsed.skipped[reason] = (parsed.skipped[reason] ?? 0) + 1;
    },
    guides: urls => {
      parsed.guides = urls;
    },
  });
  const bytes = Buffer.from(list);
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = cuts[Math.min(piece, cuts.length - 1)]!;
    // A copy that is overwritten afterwards, as network buffers are.
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    parser.push(chunk);
    chunk.fill(0x21);
    at += size;
  }
  parser.end();
  return parsed;
}

const names = ({ entries }: Parsed): string[] => entries.map(({ name }) => name);

describe('a list of channels', () => {
  it('is read with all that is known of each channel', () => {
    const list = [
      '#EXTM3U url-tvg="http://g/a.xml,http://g/b.xml.gz" x-tvg-url="http://g/a.xml"',
      '#EXTINF:-1 tvg-id="one.tv" tvg-logo="http://l/1.png" tvg-chno="7" group-title=";News;World",One',
      '#EXTVLCOPT:http-user-agent=VLC/3',
      '#EXTVLCOPT:network-caching=1000',
      '#KODIPROP:inputstream.adaptive.stream_headers=Referer=http%3A%2F%2Fr%2F&Origin=http://o',
      'http://tv.example/1.ts|Cookie=a',
      '#EXTINF:-1 tvg-logo="data:image/png;base64,AAAA" tvg-chno="4.1",Two',
      '#EXTGRP:Music',
      '#EXTHTTP:{"X-Token":"t","bad":5}',
      'http://tv.example/2.ts',
      '#EXTINF:-1 tvg-name="Three",',
      `acestream://${HASH}`,
    ].join('\n');
    const { entries, skipped, guides } = parse(list);
    expect(guides).toEqual(['http://g/a.xml', 'http://g/b.xml.gz']);
    expect(skipped).toEqual({});
    expect(entries).toEqual([
      {
        name: 'One',
        group: 'News',
        logoUrl: 'http://l/1.png',
        guideId: 'one.tv',
        number: 7,
        address: {
          kind: 'http',
          url: 'http://tv.example/1.ts',
          headers: { Cookie: 'a', 'User-Agent': 'VLC/3', Referer: 'http://r/', Origin: 'http://o' },
        },
      },
      {
        name: 'Two',
        group: 'Music',
        logoUrl: null,
        guideId: null,
        number: null,
        address: { kind: 'http', url: 'http://tv.example/2.ts', headers: { 'X-Token': 't' } },
      },
      {
        name: 'Three',
        group: null,
        logoUrl: null,
        guideId: null,
        number: null,
        address: { kind: 'engine', selector: { kind: 'content_id', value: HASH }, options: {} },
      },
    ]);
  });

  it.each([
    ['line feeds', '\n'],
    ['carriage returns with line feeds', '\r\n'],
    ['carriage returns', '\r'],
    ['empty lines', '\n \n\n'],
  ])('may have %s', (_, ending) => {
    const list = ['#EXTM3U', '#EXTINF:-1,One', 'http://a/1', '#EXTINF:-1,Two', 'http://a/2'].join(ending);
    for (const cuts of [[1], [7], [1 << 16]]) expect(names(parse(list, cuts))).toEqual(['One', 'Two']);
  });

  it.each([
    ['UTF-8 with a byte order mark', Buffer.from('\ufeff#EXTM3U\n#EXTINF:-1,Ñandú €\nhttp://a/1\n')],
    ['Windows-1252', Buffer.from('#EXTM3U\n#EXTINF:-1,\xd1and\xfa \x80\nhttp://a/1\n', 'latin1')],
    ['UTF-16 (little end first)', Buffer.from('\ufeff#EXTM3U\n#EXTINF:-1,Ñandú €\nhttp://a/1\n', 'utf16le')],
    ['UTF-16 (big end first)', Buffer.from('\ufeff#EXTM3U\n#EXTINF:-1,Ñandú €\nhttp://a/1\n', 'utf16le').swap16()],
  ])('may be %s', (_, bytes) => {
    expect(names(parse(bytes, [5]))).toEqual(['Ñandú €']);
  });

  it('may mix encodings from line to line', () => {
    const list = Buffer.concat([
      Buffer.from('#EXTINF:-1,Ñ\nhttp://a/1\n'),
      Buffer.from('#EXTINF:-1,\xd1\nhttp://a/2\n', 'latin1'),
    ]);
    expect(names(parse(list))).toEqual(['Ñ', 'Ñ']);
  });

  it('has names for addresses without one', () => {
    const list = `http://a/live/Some%20news.ts\nacestream://${HASH}\nmagnet:?xt=urn:btih:${HASH}&dn=A+film\nhttp://host/\n#EXTINF:-1 tvg-id="x.tv",\nhttp://a/1`;
    expect(names(parse(list))).toEqual(['Some news', `AceStream ${HASH.slice(0, 8)}`, 'A film', 'host', 'x.tv']);
  });

  it('takes further addresses right behind one for alternates', () => {
    const list = '#EXTINF:-1,One\nhttp://a/1\nhttp://a/2\n#EXTINF:-1,Two\nhttp://a/3\n# a comment\nhttp://a/four';
    expect(names(parse(list))).toEqual(['One', 'One', 'Two', 'four']);
  });

  it('loses nothing beside what is broken', () => {
    const huge = 'x'.repeat(1 << 20);
    const list = [
      '#EXTM3U',
      `#EXTINF:-1 tvg-logo="data:${huge}",Huge`,
      'http://a/huge',
      '#EXTINF:-1,One',
      'http://a/1',
      '#EXTINF:-1,Lost its address',
      '#EXTINF:-1,Two',
      `#EXTVLCOPT:http-cookie=${huge}`,
      'http://a/2',
      '#EXTINF:-1,Long address',
      `http://a/${huge}`,
      '#EXTINF:-1,Unsupported',
      'rtmp://a/3',
      'EXTINF:-1,A typo',
      'http://a/typo',
      '#EXTINF:-1,Three',
      'http://a/3',
      '#EXTINF:-1,At the end',
    ].join('\r\n');
    const parsed = parse(list, [1000]);
    expect(names(parsed)).toEqual(['One', 'Two', 'typo', 'Three']);
    expect(parsed.skipped).toEqual({ too_long: 2, no_address: 2, unsupported_address: 2 });
  });

  it.each([
    ['a page', '\n<!DOCTYPE html><html>'],
    ['a page in one line', `<html>${'x'.repeat(1 << 20)}`],
    ['JSON', '{"error":"no"}'],
    ['an HLS playlist', '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nseg1.ts'],
    ['an HLS master playlist', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8'],
  ])('is not %s', (_, text) => {
    expect(() => parse(text)).toThrow(SluiceError);
  });
});

const word = fc.stringMatching(/^[\w ñ€"',=;:-]{1,30}$/);
/** One good entry that says its number, and whatever could stand beside it. */
const good = fc.record({ id: word, group: word, quote: fc.constantFrom('"', "'", '') });
const garbage = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom(
    '#EXTINF:-1',
    '#EXTINF:-1 tvg-id="',
    '#EXTINF:',
    '#EXTGRP:',
    '#',
    ',',
    '"',
    `#EXTINF:-1,${'y'.repeat(MAX_LINE_BYTES)}`,
  ),
);
/** Garbage that could not be taken for the beginning of another kind of document, nor for an address. */
const harmless = garbage
  .map(text => text.replace(/[\r\n\ufeff\u2028\u2029]/g, ' '))
  .filter(text => !/^\s*(\S+:|[0-9a-f]{40})|^#EXT-X/i.test(text) && !/^\s*[<[{]/.test(text))
  .map(text => (text.startsWith('#EXTINF') ? `${text}\n#EXTINF:-1,superseded` : text));

describe('properties of the parser', () => {
  it('never throws anything but that it is no list, and never holds more than it was given', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }),
        (bytes, cuts) => {
          try {
            parse(Buffer.from(bytes), cuts);
          } catch (error) {
            expect((error as SluiceError).code).toBe('list_unusable');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never loses a valid entry beside a broken one', () => {
    const lists = fc.array(fc.tuple(fc.array(harmless, { maxLength: 3 }), good), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(
        lists,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.integer({ min: 1, max: 5000 }),
        (list, ending, cut) => {
          const lines = list.flatMap(([before, { id, group, quote }], n) => [
            ...before.flatMap(text => text.split('\n')),
            `#EXTINF:-1 tvg-id=${quote}${id}${quote} group-title=${quote}${group}${quote},Channel`,
            `http://tv.example/${n}.ts`,
          ]);
          const urls = parse(`#EXTM3U${ending}${lines.join(ending)}`, [cut]).entries.map(({ address }) =>
            address.kind === 'http' ? address.url : '',
          );
          expect(urls.filter(url => /^http:\/\/tv\.example\/\d+\.ts$/.test(url))).toEqual(
            list.map((_, n) => `http://tv.example/${n}.ts`),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(garbage, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (lines, cuts) => {
          const list = `#EXTM3U\n${lines.filter(line => !/EXT-X/i.test(line)).join('\n')}\nhttp://a/last`;
          expect(parse(list, cuts)).toEqual(parse(list));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes bounded time and memory for megabytes without sense', () => {
    const megabytes = [
      Buffer.alloc(8 << 20, 'a'),
      Buffer.alloc(8 << 20, '#EXTINF:-1 a="b" '),
      Buffer.alloc(8 << 20, `#EXTINF:-1 ${'a="b '.repeat(3000)}\n`),
      Buffer.alloc(8 << 20, `#EXTINF:-1 ${' '.repeat(16_000)}=\n`),
    ];
    for (const bytes of megabytes) {
      const before = process.cpuUsage();
      parse(bytes);
      expect(process.cpuUsage(before).user / 1000).toBeLessThan(5_000); // Other processes may be busy, too.
    }
  });

  it('agrees with another parser about lists that are well formed', () => {
    const clean = fc.stringMatching(/^[A-Za-z0-9][\w .]{0,20}$/);
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: clean, group: clean, name: clean }), { minLength: 1, maxLength: 30 }),
        list => {
          const text = `#EXTM3U\n${list
            .map(
              ({ id, group, name }, n) =>
                `#EXTINF:-1 tvg-id="${id}" group-title="${group}",${name}\nhttp://a.example/${n}.ts`,
            )
            .join('\n')}\n`;
          const theirs = parsePlaylist(text).items;
          const ours = parse(text).entries;
          expect(ours).toHaveLength(theirs.length);
          expect(ours.map(({ address }) => (address.kind === 'http' ? address.url : ''))).toEqual(
            theirs.map(({ url }) => url),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});
