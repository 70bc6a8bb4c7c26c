import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseChannelName } from '../../../src/guide/channel-name.ts';
import { type MatchCandidate, Matcher } from '../../../src/guide/matching.ts';

/** Guide channels as the guides of several countries have them, the first source first. */
const GUIDE: readonly [xmltvId: string, ...names: string[]][] = [
  ['La1.es', 'La 1', 'La 1 HD'],
  ['La2.es', 'La 2'],
  ['24Horas.es', '24 Horas', 'Canal 24 Horas'],
  ['Antena3.es', 'Antena 3'],
  ['Cuatro.es', 'Cuatro'],
  ['Telecinco.es', 'Telecinco'],
  ['LaSexta.es', 'laSexta'],
  ['MovistarLaLiga.es', 'M+ LaLiga', 'Movistar LaLiga'],
  ['DAZN1.es', 'DAZN 1'],
  ['DAZN2.es', 'DAZN 2'],
  ['Eurosport1.es', 'Eurosport 1'],
  ['Eurosport1.de', 'Eurosport 1'],
  ['Eurosport1.pl', 'Eurosport 1'],
  ['Eurosport2.es', 'Eurosport 2'],
  ['CanalSur.es', 'Canal Sur Andalucía'],
  ['TV3.es', 'TV3'],
  ['ETB2.es', 'ETB 2'],
  ['BBCOne.uk', 'BBC One', 'BBC One London'],
  ['BBCTwo.uk', 'BBC Two'],
  ['BBCNews.uk', 'BBC News'],
  ['ITV1.uk', 'ITV1'],
  ['Channel4.uk', 'Channel 4'],
  ['Channel4plus1.uk', 'Channel 4 +1'],
  ['Channel5.uk', 'Channel 5'],
  ['Film4.uk', 'Film4'],
  ['SkySportsMainEvent.uk', 'Sky Sports Main Event'],
  ['SkySportsF1.uk', 'Sky Sports F1'],
  ['SkyNews.uk', 'Sky News'],
  ['HistoryChannel.uk', 'The History Channel'],
  ['Discovery.uk', 'Discovery Channel'],
  ['DaveJaVu.uk', 'Dave ja vu'],
  ['ARD.de', 'Das Erste'],
  ['ZDF.de', 'ZDF'],
  ['RTL.de', 'RTL Television'],
  ['RTL2.de', 'RTL II'],
  ['ProSieben.de', 'ProSieben'],
  ['Sat1.de', 'SAT.1'],
  ['VOX.de', 'VOX'],
  ['Sport1.de', 'SPORT1'],
  ['TF1.fr', 'TF1'],
  ['France2.fr', 'France 2'],
  ['M6.fr', 'M6'],
  ['CanalPlus.fr', 'CANAL+'],
  ['CanalPlusSport.fr', 'CANAL+ Sport'],
  ['beINSports1.fr', 'beIN SPORTS 1'],
  ['LEquipe.fr', "L'Équipe"],
  ['C8.fr', 'C8'],
  ['Rai1.it', 'Rai 1'],
  ['Rai2.it', 'Rai 2'],
  ['Canale5.it', 'Canale 5'],
  ['Italia1.it', 'Italia 1'],
  ['SportTV1.pt', 'Sport TV 1', 'SPORT.TV1'],
  ['RTP1.pt', 'RTP 1'],
  ['SIC.pt', 'SIC'],
  ['TVI.pt', 'TVI'],
  ['TVP1.pl', 'TVP 1'],
  ['Polsat.pl', 'Polsat'],
  ['TVN.pl', 'TVN'],
  ['NPO1.nl', 'NPO 1'],
  ['RTL4.nl', 'RTL 4'],
  ['CNN.us', 'CNN'],
  ['HBO2.us', 'HBO 2'],
  ['AandE.us', 'A&E'],
  ['NatGeo.us', 'National Geographic'],
  ['TRT1.tr', 'TRT 1'],
  ['ShowTV.tr', 'Show TV'],
  ['id-only.ro'],
];
const CANDIDATES: MatchCandidate[] = GUIDE.map(([xmltvId, ...names], index) => ({ id: index + 1, xmltvId, names }));
const matcher = new Matcher(CANDIDATES);

function matched(name: string, guideId: string | null = null, category = 'TV'): string | undefined {
  const found = matcher.match({ id: 1, name, guideId, category });
  return found && CANDIDATES.find(({ id }) => id === found.guideChannelId)!.xmltvId;
}

describe('a channel finds its guide by its name', () => {
  it.each([
    ['La 1', 'La1.es'],
    ['ES: La 1 FHD', 'La1.es'],
    ['|ES| LA 1 HD', 'La1.es'],
    ['[ES] La 1 4K', 'La1.es'],
    ['(ES) La 1 UHD', 'La1.es'],
    ['ES - La 1 HEVC', 'La1.es'],
    ['ES | La1 (1080p) [Geo-blocked]', 'La1.es'],
    ['ES ★ La 1 ᴴᴰ', 'La1.es'],
    ['ESP: La 1 H265', 'La1.es'],
    ['Spain: La 1', 'La1.es'],
    ['4K: ES: La 1', 'La1.es'],
    ['La 01', 'La1.es'],
    ['ES: La 2 SD', 'La2.es'],
    ['ES: 24 Horas', '24Horas.es'],
    ['Canal 24 Horas HD', '24Horas.es'],
    ['ANTENA 3 HD', 'Antena3.es'],
    ['Antena3', 'Antena3.es'],
    ['ES: CUATRO FHD', 'Cuatro.es'],
    ['La Sexta HD', 'LaSexta.es'],
    ['LASEXTA', 'LaSexta.es'],
    ['M+ LaLiga HD', 'MovistarLaLiga.es'],
    ['Movistar La Liga 1080', 'MovistarLaLiga.es'],
    ['DAZN 1 FHD', 'DAZN1.es'],
    ['DAZN 2 FHD --> NEW ERA VI', 'DAZN2.es'],
    ['ES: Eurosport 1 HD', 'Eurosport1.es'],
    ['DE: Eurosport 1 HD', 'Eurosport1.de'],
    ['Eurosport 1 PL', 'Eurosport1.pl'],
    ['Eurosport 2', 'Eurosport2.es'],
    ['Canal Sur Andalucia', 'CanalSur.es'],
    ['TV 3 HD', 'TV3.es'],
    ['ETB2 (720p)', 'ETB2.es'],
    ['UK: BBC 1 HD', 'BBCOne.uk'],
    ['BBC ONE FHD', 'BBCOne.uk'],
    ['GB | BBC Two', 'BBCTwo.uk'],
    ['UK ▎ BBC News ᴿᴬᵂ', 'BBCNews.uk'],
    ['ITV 1', 'ITV1.uk'],
    ['UK: Channel 4 HD', 'Channel4.uk'],
    ['UK: Channel 4+1', 'Channel4plus1.uk'],
    ['Channel 4 (+1)', 'Channel4plus1.uk'],
    ['Channel Five', 'Channel5.uk'],
    ['Film 4', 'Film4.uk'],
    ['UK: Sky Sports Main Event UHD', 'SkySportsMainEvent.uk'],
    ['Sky Sports Main Evnt', 'SkySportsMainEvent.uk'],
    ['Sky Sport Main Event', 'SkySportsMainEvent.uk'],
    ['Sky News (UK)', 'SkyNews.uk'],
    ['UK: History', 'HistoryChannel.uk'],
    ['UK: Discovery', 'Discovery.uk'],
    ['Dave Ja Vu', 'DaveJaVu.uk'],
    ['DE: Das Erste HD', 'ARD.de'],
    ['DE: ZDF HD', 'ZDF.de'],
    ['RTL 2', 'RTL2.de'],
    ['DE | RTL2 RAW', 'RTL2.de'],
    ['Pro Sieben', 'ProSieben.de'],
    ['Sat 1', 'Sat1.de'],
    ['FR: TF1 4K', 'TF1.fr'],
    ['FR - France 2 FHD', 'France2.fr'],
    ['Canal +', 'CanalPlus.fr'],
    ['FR: CANAL+ SPORT HD', 'CanalPlusSport.fr'],
    ['beIN Sport 1 HD', 'beINSports1.fr'],
    ['L’Équipe', 'LEquipe.fr'],
    ['FR| L EQUIPE', 'LEquipe.fr'],
    ['IT: RAI 1 HD', 'Rai1.it'],
    ['Canale 5 HD', 'Canale5.it'],
    ['PT: Sport TV 1 HD', 'SportTV1.pt'],
    ['PT: SIC', 'SIC.pt'],
    ['PL: TVP 1 HD', 'TVP1.pl'],
    ['NL: RTL 4 HD', 'RTL4.nl'],
    ['US: HBO 2', 'HBO2.us'],
    ['USA | A and E', 'AandE.us'],
    ['US: National Geographic Channel', 'NatGeo.us'],
    ['TR: SHOW TV HD', 'ShowTV.tr'],
    ['RO: id only', 'id-only.ro'],
  ])('%s is %s', (name, xmltvId) => {
    expect(matched(name)).toBe(xmltvId);
  });
});

describe('a channel finds none', () => {
  it.each([
    ['Eurosport 1', 'there are several countries to choose from'],
    ['PL: RTL 2', 'only another country has it'],
    ['FR: Eurosport 2', 'only another country has it'],
    ['DAZN 3', 'the number is another one'],
    ['La 3', 'the number is another one'],
    ['Film4 +1', 'it is an hour later'],
    ['ITV', 'it has no number'],
    ['Sky Sports F2', 'the number is another one'],
    ['Sport', 'a word alone says too little'],
    ['TV', 'a word alone says too little'],
    ['HD', 'nothing is left of it'],
    ['', 'there is nothing'],
    ['★★★', 'there is nothing'],
    ['PT: Canal 11', 'no guide has it'],
  ])('for %j, because %s', name => {
    expect(matched(name)).toBeUndefined();
  });
});

describe('matching', () => {
  const one = { id: 7, name: 'Completely else', category: 'TV' };

  it('takes the guide id first, in any case, and is sure of it', () => {
    expect(matcher.match({ ...one, guideId: ' la1.ES ' })).toEqual({
      channelId: 7,
      guideChannelId: 1,
      score: 1,
      how: 'guide-id',
    });
  });

  it('reads an unknown guide id as a name', () => {
    expect(matched('Whatever', 'La 1')).toBe('La1.es');
    expect(matched('Whatever', 'BbcOne.co.uk')).toBeUndefined();
    expect(matched('Whatever', 'BBC One@HD')).toBe('BBCOne.uk');
  });

  it('takes the country from the guide id or the category where the name has none', () => {
    expect(matched('Eurosport 1', 'unknown.de')).toBe('Eurosport1.de');
    expect(matched('Eurosport 1', null, 'PL | Sport')).toBe('Eurosport1.pl');
  });

  it('prefers the first source among equals, and says how sure it is', () => {
    const twice = new Matcher([
      { id: 5, xmltvId: 'first', names: ['News'] },
      { id: 3, xmltvId: 'second', names: ['News'] },
      { id: 9, xmltvId: 'FIRST', names: [] },
    ]);
    expect(twice.match({ ...one, name: 'NEWS HD', guideId: null })).toMatchObject({
      guideChannelId: 5,
      score: 0.95,
      how: 'name',
    });
    expect(twice.match({ ...one, guideId: 'First' })).toMatchObject({ guideChannelId: 5 });
    expect(
      new Matcher([{ id: 1, xmltvId: 'x', names: ['News'] }], 0.96).match({ ...one, name: 'News', guideId: null }),
    ).toBeUndefined();
  });

  it('never throws, and finds every name that it was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.option(fc.string()), (name, guideId) => {
        const own = new Matcher([{ id: 1, xmltvId: 'own', names: [name] }], 0);
        const found = own.match({ id: 1, name, guideId, category: name });
        if (parseChannelName(name).key !== '') expect(found?.guideChannelId).toBe(1);
      }),
    );
  });

  it('takes seconds for 50 000 channels and 20 000 guide channels', () => {
    const word = (seed: number): string =>
      ((seed * 2_654_435_761) >>> 0).toString(36).replace(/\d/g, digit => 'abcdefghij'[+digit]!);
    const guide = Array.from({ length: 20_000 }, (_, index) => ({
      id: index,
      xmltvId: `${word(index)}.es`,
      names: [`${word(index)} ${word(index + 7)}`, `Canal ${word(index)} ${index % 50} HD`],
    }));
    const startedMs = performance.now();
    const many = new Matcher(guide);
    let found = 0;
    for (let index = 0; index < 50_000; index++) {
      const name = `ES: ${word(index)} ${word(index + 7)}${index % 3 ? '' : 'e'} FHD`;
      if (many.match({ id: index, name, guideId: null, category: 'ES' }) !== undefined) found++;
    }
    expect(found).toBeGreaterThan(19_000);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
  });
});
