/**
 * Reads `#EXTINF` lines as they are found in the wild: attributes in double, single, typographic or no quotes, with
 * quotes and commas inside, with one quote too few, in any case, twice, or behind the comma. It passes over the line
 * once; no text makes it go back.
 */

/** What a line says. */
export interface Extinf {
  /** By lower-case name with hyphens; of several the first that is not empty. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly title: string;
}

const KEY = '[A-Za-z][\\w.-]*';
const OPENING = '"\'“”„‘’';
/** Where an attribute begins. */
const ATTRIBUTE = new RegExp(`(${KEY}) ?= ?`, 'y');
/** An attribute right behind the comma that should only come before the title. */
const COMMA_ATTRIBUTE = new RegExp(`, ?(?=${KEY} ?= ?["'“])`, 'y');
const DURATION = /^#EXTINF ?:? ?(-?\d+(?:[.,]\d+)?(?=[ ,]|$))?/i;
/**
 * Where a quoted value ends: at a quote behind which something sensible follows; or, when the quote is missing, where
 * the next attribute begins. Quotes inside of names are neither.
 */
const END_OF: Readonly<Record<string, RegExp>> = Object.fromEntries(
  [...OPENING].map(opening => {
    const closing = '"“”„'.includes(opening) ? '["”“]' : "['’‘]";
    return [opening, new RegExp(`${closing}(?= ?(?:,|$|${KEY} ?=))| (?=${KEY} ?= ?["'“])`, 'g')];
  }),
);
const QUOTES = /["“”„]/g;
const END_OF_BARE = new RegExp(`,| (?=${KEY} ?=)|$`, 'g');
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', quot: '"', apos: "'", '#39': "'", lt: '<', gt: '>' };

/** @param line one line that begins with `#EXTINF` */
export function parseExtinf(line: string): Extinf {
  const text = line.replace(/\s+/g, ' ').trim(); // Runs of spaces would have to be looked at again and again.
  const attributes = new Map<string, string>();
  let at = text.match(DURATION)?.[0].length ?? 0;
  /** Where something began that is neither attribute nor comma: the title of a line without comma. */
  let strayAt: number | undefined;
  while (at < text.length) {
    if (text[at] === ' ') at++;
    else if (text[at] === ',') {
      const skipped = matchAt(COMMA_ATTRIBUTE, text, at);
      if (skipped === undefined) return { attributes, title: cleanTitle(text.slice(at + 1)) };
      at += skipped[0].length;
    } else {
      const found = matchAt(ATTRIBUTE, text, at);
      if (found === undefined) {
        strayAt ??= at;
        at = nextToken(text, at);
      } else at = readValue(text, at + found[0].length, found[1]!, attributes);
    }
  }
  return { attributes, title: strayAt === undefined ? '' : cleanTitle(text.slice(strayAt)) };
}

/** Reads the attributes of a header line such as `#EXTM3U`. */
export function parseHeader(line: string): ReadonlyMap<string, string> {
  return parseExtinf(line.replace(/^#EXTM3U:?/i, '#EXTINF:')).attributes;
}

/** @returns where the value ends */
function readValue(text: string, start: number, key: string, attributes: Map<string, string>): number {
  const quoted = END_OF[text[start] ?? ''];
  const [valueAt, endAt, next] = quoted === undefined ? bare(text, start) : within(text, start + 1, quoted);
  const name = key.toLowerCase().replaceAll('_', '-');
  const value = cleanValue(text.slice(valueAt, endAt));
  if (!attributes.get(name)) attributes.set(name, value);
  return next;
}

type Span = readonly [valueAt: number, endAt: number, next: number];

function bare(text: string, start: number): Span {
  END_OF_BARE.lastIndex = start;
  const end = END_OF_BARE.exec(text)!.index;
  return [start, end, end];
}

function within(text: string, start: number, closing: RegExp): Span {
  closing.lastIndex = start;
  const end = closing.exec(text);
  if (end !== null && end[0] !== ' ') return [start, end.index, end.index + 1];
  // Nothing closes it before the next attribute, or else before the comma, which then begins the title.
  const comma = text.indexOf(',', start);
  const next = end?.index ?? (comma < 0 ? text.length : comma);
  const [only, ...more] = text.slice(start, next).matchAll(QUOTES);
  // A single quote closes it after all, and what follows is out of place; several are part of a name.
  return only !== undefined && more.length === 0
    ? [start, start + only.index, start + only.index + 1]
    : [start, next, next];
}

function nextToken(text: string, at: number): number {
  let next = at + 1;
  while (next < text.length && text[next] !== ' ' && text[next] !== ',') next++;
  return next;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** Undoes escapes, and takes away quotes around the value that have no place there, but not those of a name in it. */
function cleanValue(raw: string): string {
  const value = raw.trim().replace(/\\(["'])/g, '$1');
  const [, inner] = value.match(/^["“”„]+([^"“”„]*)["“”]+$/) ?? [];
  if (inner !== undefined) return unescaped(inner);
  const isOdd = [...value.matchAll(QUOTES)].length % 2 === 1;
  return unescaped(isOdd ? value.replace(/^["“”„]|["“”]$/, '') : value);
}

function cleanTitle(raw: string): string {
  const title = unescaped(raw);
  const [, inner] = title.match(/^"([^"]*)"$/) ?? [];
  return inner?.trim() ?? title;
}

function unescaped(text: string): string {
  return text.replace(/&(amp|quot|apos|#39|lt|gt);/g, (_, name: string) => ENTITIES[name]!).trim();
}
