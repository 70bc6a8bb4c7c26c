/** What lists of channels bring, whatever their format. */
import type { StreamAddress } from '../../src/shared/stream-address.ts';

/** One line of a list: a channel, or one more address of it. */
export interface ListEntry {
  name: string;
  /** Null where the list has no groups. */
  group: string | null;
  logoUrl: string | null;
  guideId: string | null;
  number: number | null;
  address: StreamAddress;
}

/** Why something in a list was passed over. */
export type SkipReason = 'too_long' | 'no_address' | 'unsupported_address' | 'broken';

/** Takes what is read from a list. */
export interface ListSink {
  entry(entry: ListEntry): void;
  skipped(reason: SkipReason): void;
  /** Addresses of programme guides that the list names. */
  guides(urls: readonly string[]): void;
}

const MAX_NAME_CHARS = 200;
const MAX_URL_CHARS = 2048;
const MAX_NUMBER = 999_999;

/** A name as it is kept: one line, of bounded length; null when nothing is left. */
export function cleanName(text: string | undefined): string | null {
  const clean = (text ?? '')
    .replace(/[\p{Cc}\u200b-\u200f\u2028\u2029\ufeff]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return clean === '' ? null : clean.slice(0, MAX_NAME_CHARS).trim();
}

/** An address of a picture; null for pictures within the list, and for what is none. */
export function cleanUrl(text: string | undefined): string | null {
  const url = (text ?? '').trim().replaceAll(' ', '%20');
  return url.length <= MAX_URL_CHARS && /^https?:\/\/[^\s\p{Cc}]+$/iu.test(url) && URL.canParse(url) ? url : null;
}

/** A channel's number; null for what is none. */
export function cleanNumber(text: string | undefined): number | null {
  const trimmed = (text ?? '').trim();
  return /^\d{1,6}$/.test(trimmed) && Number(trimmed) <= MAX_NUMBER ? Number(trimmed) : null;
}
