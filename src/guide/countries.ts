/**
 * Countries as channel names and guide ids mark them. Only codes that lists really use: every further one is a word or
 * an abbreviation somewhere.
 */
const SPELLINGS: Readonly<Record<string, string>> = {
  al: 'albania alb',
  ar: 'argentina arg',
  at: 'austria aut osterreich',
  au: 'australia aus',
  ba: 'bosnia bih',
  be: 'belgium bel',
  bg: 'bulgaria bgr',
  br: 'brazil brasil bra',
  ca: 'canada can',
  ch: 'switzerland sui che schweiz suisse',
  cl: 'chile chl',
  co: 'colombia col',
  cz: 'czech cze czechia',
  de: 'germany ger deu deutschland alemania',
  dk: 'denmark dnk',
  es: 'spain esp espana',
  fi: 'finland fin',
  fr: 'france fra',
  gr: 'greece grc gre',
  hr: 'croatia hrv cro',
  hu: 'hungary hun',
  ie: 'ireland irl',
  il: 'israel isr',
  in: 'india ind',
  ir: 'iran irn',
  it: 'italy ita italia',
  mx: 'mexico mex',
  nl: 'netherlands nld ned',
  no: 'norway nor',
  nz: 'nzl',
  pe: 'peru per',
  pl: 'poland pol polska',
  pt: 'portugal por prt',
  ro: 'romania rou rom',
  rs: 'serbia srb',
  ru: 'russia rus',
  se: 'sweden swe',
  si: 'slovenia svn',
  sk: 'slovakia svk',
  tr: 'turkey tur turkiye',
  ua: 'ukraine ukr',
  uk: 'gb gbr eng england',
  us: 'usa',
  za: 'rsa',
};

const CODE_OF = new Map(
  Object.entries(SPELLINGS).flatMap(([code, others]) =>
    [code, ...others.split(' ')].map((spelling): [string, string] => [spelling, code]),
  ),
);

/** The country that a lower-case word without accents stands for. */
export function countryOf(word: string): string | undefined {
  return CODE_OF.get(word);
}
