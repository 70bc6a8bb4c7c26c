/** Makes sense of values as SQLite holds them: any type in any column. */
import { FORMATS, type Format } from '../accounts/account.ts';

const NO = new Set(['', 'f', 'false', 'n', 'no', 'off']);
const NEVER = new Set(['', 'never', 'none', 'null', 'unlimited']);
/** Above this a number of seconds would lie thousands of years ahead: it counts milliseconds. */
const MAX_SECONDS = 100_000_000_000;
const DAY_S = 86_400;
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?)? *(Z|[+-]\d\d:?\d\d)?$/i;

/** A text without what surrounds it; undefined where there is none. */
export function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  const text = (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value)).trim();
  return text === '' ? undefined : text;
}

/** Yes or no; `otherwise` where nothing is said. */
export function flagOf(value: unknown, otherwise: boolean): boolean {
  if (value === null || value === undefined) return otherwise;
  const text = (textOf(value) ?? '').toLowerCase();
  return !NO.has(text) && Number(text) !== 0; // Columns for text make 0.0 of a zero.
}

/** A whole number; undefined where there is none. */
export function integerOf(value: unknown): number | undefined {
  const text = textOf(value);
  const number = text === undefined ? Number.NaN : Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * A moment in unix seconds, from seconds, milliseconds or a date, which is in UTC where it names no zone, and means the
 * end of the day where it names no time.
 * @returns null for never, undefined for what can't be understood
 */
export function momentOf(value: unknown): number | null | undefined {
  const text = textOf(value);
  if (text === undefined || NEVER.has(text.toLowerCase())) return null;
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text);
    if (number === 0) return null;
    return Math.floor(number > MAX_SECONDS ? number / 1000 : number);
  }
  const [, day, time, zone = 'Z'] = text.match(DATE) ?? [];
  if (day === undefined) return undefined;
  const ms = Date.parse(`${day}T${time ?? '00:00'}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return Math.floor(ms / 1000) + (time === undefined ? DAY_S - 1 : 0);
}

/**
 * Forms in which a channel can be watched, from JSON text or words with commas between them.
 * @returns undefined where none of them is known here
 */
export function formatsOf(value: unknown): Format[] | undefined {
  const words = wordsOf(textOf(value) ?? '').map(word => (word === 'hls' ? 'm3u8' : word));
  const known = FORMATS.filter(format => words.includes(format));
  return known.length === 0 ? undefined : known;
}

function wordsOf(text: string): string[] {
  let list: unknown = text.split(',');
  try {
    list = JSON.parse(text);
  } catch {
    // It is no JSON, so it is a list of words.
  }
  return (Array.isArray(list) ? list : [list]).map(word => String(word).trim().toLowerCase());
}
