import { describe, expect, it } from '@jest/globals';
import { parseGuide, programmeXml, tv } from '../../support/xmltv.ts';

const AT = '20260725190000 +0200';
const TO = '20260725200000 +0200';
const titles = (document: string | Uint8Array): string[] => parseGuide(document).programmes.map(({ title }) => title);

describe('a guide is read', () => {
  it('with all that is kept of channels and programmes', () => {
    const guide = parseGuide(
      tv(
        '<channel id=" news24.es "><display-name>News 24</display-name><display-name lang="en">News\n 24 HD</display-name><icon src="http://logos.example/n.png"/></channel>',
        `<programme start="${AT}" stop="${TO}" channel="news24.es"><title lang="es">Telediario</title><sub-title>Noche</sub-title><desc>Lo de <b>hoy</b> &amp; más</desc><credits><director>X</director></credits><category>News</category><icon src="https://logos.example/p.png"/></programme>`,
      ),
    );
    expect(guide.channels).toEqual([
      { xmltvId: 'news24.es', names: ['News 24', 'News 24 HD'], iconUrl: 'http://logos.example/n.png' },
    ]);
    expect(guide.programmes).toEqual([
      {
        xmltvId: 'news24.es',
        startAt: 1_784_998_800,
        stopAt: 1_785_002_400,
        title: 'Telediario',
        subtitle: 'Noche',
        description: 'Lo de hoy & más',
        category: 'News',
        iconUrl: 'https://logos.example/p.png',
      },
    ]);
    expect(guide).toMatchObject({ skipped: 0, endedWell: true });
  });

  it('the same, however its bytes are cut', () => {
    const document = Buffer.from(
      tv(...Array.from({ length: 40 }, (_, index) => programmeXml('ñandú.es', AT, TO, `Título ${index} 🎬`))),
    );
    const whole = parseGuide(document);
    for (const chunkBytes of [1, 2, 3, 7, 64, 1000]) expect(parseGuide(document, { chunkBytes })).toEqual(whole);
  });

  it.each([
    [['es'], 'Noticias'],
    [['ca', 'en'], 'News'],
    [['pt'], 'Nachrichten'],
    [[], 'Nachrichten'],
    [['en', 'es'], 'News'],
  ])('in the preferred languages %j', (languages, title) => {
    const document = tv(
      `<programme start="${AT}" channel="a"><title lang="de">Nachrichten</title><title lang="es-ES">Noticias</title><title lang="EN">News</title></programme>`,
    );
    expect(parseGuide(document, { languages }).programmes[0]!.title).toBe(title);
  });

  it.each<[string, Buffer]>([
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${tv(programmeXml('a', AT, TO, 'Ñandú'))}`)],
    ['UTF-16 little endian', Buffer.from(`\ufeff${tv(programmeXml('a', AT, TO, 'Ñandú'))}`, 'utf16le')],
    ['UTF-16 big endian', Buffer.from(`\ufeff${tv(programmeXml('a', AT, TO, 'Ñandú'))}`, 'utf16le').swap16()],
    [
      'ISO-8859-1 by declaration',
      Buffer.from(tv(programmeXml('a', AT, TO, 'Ñandú')).replace('UTF-8', 'ISO-8859-1'), 'latin1'),
    ],
    ['an unknown encoding, as UTF-8', Buffer.from(tv(programmeXml('a', AT, TO, 'Ñandú')).replace('UTF-8', 'x-none'))],
  ])('in %s', (_, bytes) => {
    expect(titles(bytes)).toEqual(['Ñandú']);
  });

  it('with CDATA, references, names of HTML, and ampersands that are none', () => {
    const title = 'Tom & Jerry &eacute;&#233;&#xE9; <![CDATA[& <b>raw</b> &amp;]]> &nosuch; R&B &#0;&amp;\u0007';
    expect(titles(tv(`<programme start="${AT}" channel="a"><title>${title}</title></programme>`))).toEqual([
      'Tom & Jerry ééé & <b>raw</b> &amp; &nosuch; R&B &',
    ]);
  });

  it('without records that are commented out', () => {
    expect(titles(tv(`<!-- ${programmeXml('a', AT, TO, 'Hidden')} -->`, programmeXml('a', AT, TO, 'Shown')))).toEqual([
      'Shown',
    ]);
  });

  it('with marks of records inside of CDATA and comments of a record', () => {
    const more = '<desc><![CDATA[ends with </programme> and </tv>]]><!-- </programme> --> indeed</desc>';
    expect(parseGuide(tv(programmeXml('a', AT, TO, 'A', more)))).toMatchObject({
      programmes: [{ description: 'ends with </programme> and </tv> indeed' }],
      skipped: 0,
    });
  });

  it('with long texts shortened between characters', () => {
    const [programme] = parseGuide(tv(programmeXml('a', AT, TO, '🎬'.repeat(600)))).programmes;
    expect(programme!.title).toHaveLength(499);
    expect(programme!.title).toMatch(/^(🎬)+…$/u);
  });
});

describe('a record that can not be used is skipped and counted', () => {
  const good = [programmeXml('a', AT, TO, 'Before'), programmeXml('a', TO, undefined, 'After')] as const;

  it.each([
    ['no start', '<programme channel="a"><title>x</title></programme>'],
    ['an impossible start', '<programme start="20260231120000" channel="a"><title>x</title></programme>'],
    ['no channel', `<programme start="${AT}"><title>x</title></programme>`],
    ['no title', `<programme start="${AT}" channel="a"><title> </title></programme>`],
    ['an end before its start', programmeXml('a', TO, AT, 'x')],
    ['an end at its start', programmeXml('a', AT, AT, 'x')],
    ['a quotation mark that is never closed', `<programme start="${AT} channel="a"><title>x</title></programme>`],
    ['no end', `<programme start="${AT}" channel="a"><title>x</title>`],
    ['no end of its start tag', `<programme start="${AT}" channel="a" <title>x</title></programme>`],
    ['crossed tags', `<programme start="${AT}" channel="a"><title>x<desc>y</title></desc></programme>`],
    ['a lone angle bracket', `<programme start="${AT}" channel="a"><title>1 < 2</title></programme>`],
    ['a CDATA section without end', `<programme start="${AT}" channel="a"><title><![CDATA[x</title></programme>`],
    ['a comment without end', `<programme start="${AT}" channel="a"><title>x</title><!-- </programme>`],
    ['an unquoted attribute', `<programme start=20260725190000 channel="a"><title>x</title></programme>`],
    ['the same attribute twice', `<programme start="${AT}" start="${TO}" channel="a"><title>x</title></programme>`],
    ['a type declaration', `<programme start="${AT}" channel="a"><!DOCTYPE x><title>x</title></programme>`],
    ['nothing but its name', '<programme/>'],
    ['a channel without id', '<channel><display-name>x</display-name></channel>'],
  ])('%s', (_, broken) => {
    const guide = parseGuide(tv(good[0], broken, good[1]));
    expect(guide.programmes.map(({ title }) => title)).toEqual(['Before', 'After']);
    expect(guide).toMatchObject({ channels: [], skipped: 1, endedWell: true });
  });

  it('but an end that is no time is left to the next programme', () => {
    expect(parseGuide(tv(programmeXml('a', AT, 'later', 'x'))).programmes[0]).toMatchObject({ stopAt: undefined });
  });
});

describe('the end of a document', () => {
  it('is seen, and without it what came before is handed out', () => {
    const document = tv(programmeXml('a', AT, TO, 'A'), programmeXml('a', TO, undefined, 'B'));
    expect(parseGuide(document)).toMatchObject({ endedWell: true, skipped: 0 });
    const cut = parseGuide(document.slice(0, document.indexOf('B</title>')));
    expect(cut).toMatchObject({ endedWell: false, skipped: 1 });
    expect(cut.programmes.map(({ title }) => title)).toEqual(['A']);
    expect(parseGuide(document.replace('</tv>', ''))).toMatchObject({ endedWell: false, skipped: 0 });
  });

  it('may come twice, as in documents that were put together', () => {
    const twice = tv(programmeXml('a', AT, TO, 'A')) + tv(programmeXml('a', TO, undefined, 'B'));
    expect(titles(twice)).toEqual(['A', 'B']);
    expect(parseGuide(twice).endedWell).toBe(true);
    expect(parseGuide('<tv/>')).toEqual({ channels: [], programmes: [], skipped: 0, endedWell: true });
  });

  it.each([
    ['', /empty/],
    ['<?xml version="1.0"?>', /ends before its content/],
    ['<!-- never closed <tv></tv>', /ends before its content/],
    ['<!DOCTYPE html><html><body>Log in</body></html>', /web page/],
    ['<html><tv></tv></html>', /web page/],
    ['<rss><channel/></rss>', /root is not <tv>/],
    ['<tvshows></tvshows>', /root is not <tv>/],
    ['{"error":"expired"}', /no XML/],
    ['#EXTM3U', /no XML/],
    ['<tv', /root|ends before/],
  ])('of one that is no guide is refused: %j', (document, message) => {
    expect(() => parseGuide(document)).toThrow(message);
    expect(() => parseGuide(document)).toThrow(expect.objectContaining({ code: 'guide_not_xmltv' }));
  });

  it('is not waited for where nothing begins', () => {
    expect(() => parseGuide(' '.repeat(100_000))).toThrow(/too much/);
    expect(() => parseGuide(`<!-- ${'x'.repeat(1 << 20)}`)).toThrow(/too much/);
  });
});
