/**
 * What is left of a channel's name when lists and guides that spell it differently are to agree: no country marks, no
 * quality, no accents, no punctuation, numbers as digits.
 */
import { countryOf } from './countries.ts';

/** A name, taken apart. */
export interface ChannelName {
  /** Names with equal keys are the same name; empty where nothing is left. */
  readonly key: string;
  /** The key without words that come and go, such as "TV"; undefined where that would say too little. */
  readonly loose: string | undefined;
  /** The country that the name is marked with. */
  readonly country: string | undefined;
}

/** Say how a channel is sent, not which one it is. */
const QUALITY =
  /^(hd|fhd|uhd|qhd|shd|sd|hq|lq|4k|8k|hevc|avc|[hx]26[45]|hdr(10)?|(2160|1440|1080|720|576|540|480|360)[pi]?(\d\d)?|(25|30|50|60)fps|fullhd|ultrahd)$/;
/** The same, but only where they can't be part of a name: at the end, or in brackets. */
const TRAILING = /^(raw|vip|backup|bkp|multi|dolby|original|geo|blocked|geoblocked|not|24|7|low|h|op)$/;
/** Come and go between spellings. */
const GENERIC = new Set(['tv', 'channel', 'television', 'network', 'the', 'kanal']);
const NUMBERS: Readonly<Record<string, string>> = {
  one: '1',
  two: '2',
  three: '3',
  four: '4',
  five: '5',
  six: '6',
  ii: '2',
  iii: '3',
  iv: '4',
  vi: '6',
  vii: '7',
  viii: '8',
  ix: '9',
};
/** Letters that decomposition leaves alone. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  æ: 'ae',
  œ: 'oe',
  ı: 'i',
  þ: 'th',
  ð: 'd',
};
const MAX_CHARS = 200;
/** Words that are shorter may be anything without those around them. */
const MIN_LOOSE_CHARS = 4;

/** Takes a channel's name apart. */
export function parseChannelName(raw: string): ChannelName {
  const marks: string[] = [];
  // Lists put the name of a provider behind an arrow.
  let text = withoutAccents(raw.slice(0, MAX_CHARS).replace(/\s*-{1,2}>.*$/s, ''));
  text = withoutPrefixes(text, marks);
  text = withoutBrackets(text, marks);
  text = withoutBareSuffix(text, raw, marks);
  // "Canal+" is a name, "Film4 +1" is another channel an hour later.
  text = text
    .replace(/\+(\d{1,2})\s*h?(?![a-z\d])/g, ' plus$1 ')
    .replace(/\+/g, ' plus ')
    .replace(/&/g, ' and ');
  const words = text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const tokens = tokensOf(words);
  return { key: joined(tokens), loose: looseOf(tokens), country: marks.map(countryOf).find(Boolean) };
}

/** What an id such as `La1.TV.es` says: a name and a country. */
export function parseGuideId(id: string): ChannelName {
  const { stem, suffix } = /^(?<stem>.+?)[.@](?<suffix>[a-z]{2,3})\d?$/i.exec(id.trim())?.groups ?? {};
  const country = suffix === undefined ? undefined : countryOf(suffix.toLowerCase());
  const name = parseChannelName(((country === undefined ? id : stem) ?? id).replace(/([a-z])([A-Z])/g, '$1 $2'));
  return { ...name, country: country ?? name.country };
}

function withoutAccents(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[ßøłđæœıþð]/g, letter => LETTERS[letter]!);
}

/** Takes `ES:`, `|UK|`, `[DE]`, `FR -` and marks of quality from the beginning. */
function withoutPrefixes(text: string, marks: string[]): string {
  let rest = text;
  for (let round = 0; round < 3; round++) {
    const found =
      /^[\s|[({<#*_•★▎┃►-]*(?<mark>[\p{L}\p{N}]{2,11})\s*(?:[|\])}>:•★▎┃►]+|\s[-–—]\s|\s?[-–—](?=\s))\s*(?=[\p{L}\p{N}])/u.exec(
        rest,
      );
    const mark = found?.groups?.mark;
    if (found === null || mark === undefined) break;
    if (countryOf(mark) === undefined && !QUALITY.test(mark) && mark !== 'vip') break;
    marks.push(mark);
    rest = rest.slice(found[0].length);
  }
  return rest;
}

/** Takes brackets away, and what is in them where that is no part of the name. */
function withoutBrackets(text: string, marks: string[]): string {
  return text.replace(/[([{]([^()[\]{}]{0,40})[)\]}]/g, (_, inside: string) => {
    const words = inside.split(/[^\p{L}\p{N}+]+/u).filter(Boolean);
    const isNoise = words.every(word => QUALITY.test(word) || TRAILING.test(word) || countryOf(word) !== undefined);
    if (!isNoise) return ` ${inside} `;
    marks.push(...words);
    return ' ';
  });
}

/** Takes a country from the end of names such as "Nick DE"; only capitals are one there. */
function withoutBareSuffix(text: string, raw: string, marks: string[]): string {
  const mark = /\S\s+([A-Z]{2,3})\s*$/.exec(raw)?.[1]?.toLowerCase();
  if (mark === undefined || countryOf(mark) === undefined || !text.trimEnd().endsWith(` ${mark}`)) return text;
  marks.push(mark);
  return text.trimEnd().slice(0, -mark.length);
}

function tokensOf(words: readonly string[]): string[] {
  let kept = words.filter(word => !QUALITY.test(word));
  while (kept.length > 1 && TRAILING.test(kept.at(-1)!) && !/^\d/.test(kept.at(-1)!)) kept = kept.slice(0, -1);
  if (kept.length === 0) kept = [...words];
  return kept
    .flatMap(word => (/^plus\d/.test(word) ? [word] : (word.match(/\p{N}+|[^\p{N}]+/gu) ?? [])))
    .map(token => NUMBERS[token] ?? token.replace(/^0+(?=\d)/, ''));
}

/** Joined without spaces, so that "La Sexta" is "laSexta"; numbers stay apart from each other. */
function joined(tokens: readonly string[]): string {
  return tokens
    .join(' ')
    .replace(/(?<=\d) (?=\d)/g, '|')
    .replaceAll(' ', '');
}

function looseOf(tokens: readonly string[]): string | undefined {
  if (tokens.some(token => /\d/.test(token))) return undefined;
  const rest = tokens.filter(token => !GENERIC.has(token));
  return rest.some(token => token.length >= MIN_LOOSE_CHARS) ? joined(rest) : undefined;
}
