import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SluiceError } from '../../../../src/shared/errors.ts';
import { parseGuide, programmeXml, tv, xml } from '../../support/xmltv.ts';

const AT = '20260725190000 +0000';
const BEFORE = programmeXml('a', AT, undefined, 'Before');
const AFTER = programmeXml('a', AT, undefined, 'After');

/** How much of the processor something took, whatever else it had to do, and how far the heap grew meanwhile. */
function costOf(work: () => void): { ms: number; heapMib: number } {
  const heapBefore = process.memoryUsage().heapUsed;
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, heapMib: (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20 };
}

describe('hostile documents', () => {
  it('billion laughs are refused before any entity is read', () => {
    const entities = Array.from({ length: 10 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('');
    const document = `<?xml version="1.0"?><!DOCTYPE tv [<!ENTITY l0 "lol">${entities}]><tv>${programmeXml('a', AT, undefined, 'x').replace('>x<', '>&l10;<')}</tv>`;
    const { ms } = costOf(() => expect(() => parseGuide(document)).toThrow(/document type of its own/));
    expect(ms).toBeLessThan(1000);
  });

  it('external entities are refused, and references to any stay text', () => {
    expect(() => parseGuide(`<!DOCTYPE tv [<!ENTITY e SYSTEM "file:///etc/passwd">]><tv>${BEFORE}</tv>`)).toThrow(
      /document type of its own/,
    );
    const document = tv(BEFORE.replace('Before', '&e;&l10;&constructor;'));
    expect(parseGuide(document).programmes[0]!.title).toBe('&e;&l10;&constructor;');
  });

  it.each([
    [
      'deep nesting',
      `<programme start="${AT}" channel="a">${'<a>'.repeat(20_000)}${'</a>'.repeat(20_000)}</programme>`,
    ],
    ['nesting without end', `<programme start="${AT}" channel="a">${'<a>'.repeat(500_000)}`],
    [
      'an attribute of megabytes',
      `<programme start="${AT}" channel="${'x'.repeat(5 << 20)}"><title>x</title></programme>`,
    ],
    [
      'an attribute of 100 KiB',
      `<programme start="${AT}" channel="${'x'.repeat(100 << 10)}"><title>x</title></programme>`,
    ],
    ['a text of megabytes', `<programme start="${AT}" channel="a"><title>${'x'.repeat(5 << 20)}</title></programme>`],
    [
      'thousands of attributes',
      `<programme start="${AT}" channel="a" ${Array.from({ length: 5000 }, (_, n) => `a${n}="1"`).join(' ')}><title>x</title></programme>`,
    ],
    ['thousands of children', `<programme start="${AT}" channel="a">${'<title>x</title>'.repeat(5000)}</programme>`],
    [
      'a CDATA section of megabytes',
      `<programme start="${AT}" channel="a"><title><![CDATA[${'x'.repeat(5 << 20)}]]></title></programme>`,
    ],
  ])('%s costs a record, and neither its neighbours nor much time', (_, hostile) => {
    const document = Buffer.from(tv(BEFORE, hostile, AFTER));
    const { ms, heapMib } = costOf(() => {
      const { programmes, skipped } = parseGuide(document);
      expect(programmes.map(({ title }) => title)).toEqual(['Before', 'After']);
      expect(skipped).toBe(1);
    });
    expect(ms).toBeLessThan(3000);
    expect(heapMib).toBeLessThan(100);
  });

  it.each([
    ['records that begin and begin', '<programme '],
    ['records that open a section', '<programme a="1"><![CDATA['],
    ['comments in comments', '<programme><!--'],
    ['comments between', '<!-- <programme> -->'],
    ['quotation marks', '<channel id="'],
    ['ampersands', `<programme start="${AT}" channel="a"><title>&&&&&&&&&&&&&&&&</title></programme>`],
    ['angle brackets', '<<<<<<<<<<<<<<<<<<'],
  ])('megabytes of %s take time in proportion to their size', (_, piece) => {
    const document = (bytes: number): Buffer => Buffer.from(tv(piece.repeat(bytes / piece.length)));
    parseGuide(document(1 << 18)); // The first run also compiles.
    const small = costOf(() => void parseGuide(document(1 << 20))).ms;
    const large = costOf(() => void parseGuide(document(1 << 23))).ms;
    expect(large).toBeLessThan(Math.max(small, 50) * 8 * 4);
  });
});

const instant = fc.date({ min: new Date('1990-01-01'), max: new Date('2090-01-01'), noInvalidDate: true });
const stamp = (date: Date): string => `${date.toISOString().replace(/[-T:]/g, '').slice(0, 14)} +0000`;
const word = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter(text => /[\p{L}\p{N}]/u.test(text));
// Characters that XML doesn't have can't be in a valid record.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out.
const ofXml = word.map(text => text.replace(/[\u0000-\u001f\ufffe\uffff]/g, ''));

const validRecord = fc
  .record({ channel: ofXml, start: instant, minutes: fc.integer({ min: 1, max: 500 }), title: ofXml, style: fc.nat(3) })
  .filter(({ channel, title }) => channel.trim() !== '' && title.trim() !== '')
  .map(({ channel, start, minutes, title, style }) => {
    const end = new Date(start.getTime() + minutes * 60_000);
    const text = [
      programmeXml(channel, stamp(start), stamp(end), title),
      programmeXml(channel, stamp(start), undefined, title, '<desc>it ends: &lt;/programme&gt;</desc>'),
      programmeXml(channel, stamp(start), stamp(end), title, '<!-- note --><desc><![CDATA[a ]] b > c]]></desc>'),
      `<programme\n channel='${xml(channel).replaceAll("'", '&apos;')}'\n start='${stamp(start)}'>\n <title\n>${xml(title)}</title>\n</programme >`,
    ][style]!;
    const seen = title.replace(/\s+/g, ' ').trim();
    return { text, valid: { channel: channel.trim(), startAt: Math.floor(start.getTime() / 1000), title: seen } };
  });

const brokenRecord = fc
  .oneof(
    fc.constantFrom(
      '<programme',
      '<programme start="',
      '<programme start="20260101" channel="x',
      '<programme start="20260101" channel="x"><title>no end',
      '<programme start="20260101" channel="x"><title>no end</title>',
      '<programme start="20260101" channel="x"><title><![CDATA[open</title></programme>',
      '<programme start="20260101" channel="x"><title>x</title><!-- open </programme>',
      '<programme start="99999999" channel="x"><title>x</title></programme>',
      '<programme start="20260101" channel="x"><title>x</tittle></programme>',
      '<programme start="20260101" channel=><title>x</title></programme>',
      '<programme start="20260101" channel="x"></title></programme>',
      '</programme>',
      '</channel></programme></title>',
      '<channel id="',
      '<channel',
      '<channel id="x"><display-name>',
      '<desc>astray</desc>',
      '& &amp &#xZZ; &lt',
      '<',
      '>',
      '"',
      "'",
      ']]>',
      '<?pi',
      '\u0000\u0001',
    ),
    // Anything at all, but for what makes a comment that XML itself lets go on over the records behind it.
    fc.string({ maxLength: 60 }).filter(text => !/<!-|<$|<!$/.test(text)),
  )
  .map(text => ({ text, valid: undefined }));

const options = { numRuns: 400 };

describe('whatever the bytes are', () => {
  it('the parser ends, or refuses with a code', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        '<tv>',
        '</tv>',
        '<programme ',
        '<channel id="',
        '<![CDATA[',
        ']]>',
        '<!--',
        '-->',
        '"',
        '<',
        '>',
        '/>',
        '&',
        '&#',
        '<?',
        '?>',
        '<!DOCTYPE tv [',
        'start="20260101"',
        'channel="a"',
        '<title>',
        '</title>',
        '</programme>',
      ),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 50 }),
        (pieces, hasRoot, chunkBytes) => {
          try {
            parseGuide((hasRoot ? '<tv>' : '') + pieces.join(''), { chunkBytes });
          } catch (error) {
            expect(error).toBeInstanceOf(SluiceError);
            expect((error as SluiceError).code).toBe('guide_not_xmltv');
          }
        },
      ),
      options,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), bytes => {
        try {
          parseGuide(Buffer.concat([Buffer.from('<tv>'), bytes]));
        } catch (error) {
          expect((error as SluiceError).code).toBe('guide_not_xmltv');
        }
      }),
      options,
    );
  });

  it('no valid record is lost beside broken ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: validRecord }, brokenRecord), { maxLength: 30 }),
        fc.integer({ min: 1, max: 400 }),
        (records, chunkBytes) => {
          const { programmes } = parseGuide(tv(...records.map(({ text }) => text)), { chunkBytes });
          const seen = programmes.map(({ xmltvId, startAt, title }) =>
            JSON.stringify({ channel: xmltvId, startAt, title }),
          );
          for (const { valid } of records) if (valid !== undefined) expect(seen).toContain(JSON.stringify(valid));
        },
      ),
      options,
    );
  });

  it('chunks make no difference', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(validRecord, brokenRecord), { maxLength: 10 }),
        fc.integer({ min: 1, max: 40 }),
        (records, chunkBytes) => {
          const document = tv(...records.map(({ text }) => text));
          expect(parseGuide(document, { chunkBytes })).toEqual(parseGuide(document));
        },
      ),
      options,
    );
  });
});
