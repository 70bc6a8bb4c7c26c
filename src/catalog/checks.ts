/** What values of the catalogue have to be like. Messages are for users. */
import { SluiceError } from '../shared/errors.ts';

const MAX_NAME_CHARS = 200;
const MAX_URL_CHARS = 2048;
const MAX_CHANNEL_NUMBER = 999_999;

const invalid = (message: string): SluiceError => new SluiceError('catalog_invalid', message);

/** @returns the name without what surrounds it */
export function checkedName(what: string, name: string): string {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > MAX_NAME_CHARS || /\p{Cc}/u.test(trimmed))
    throw invalid(`${what} must be 1 to ${MAX_NAME_CHARS} characters on one line.`);
  return trimmed;
}

/** @returns null for an empty text too */
export function checkedText(what: string, text: string | null): string | null {
  return text === null || text.trim() === '' ? null : checkedName(what, text);
}

/** @returns null for an empty text too */
export function checkedWebAddress(what: string, address: string | null): string | null {
  if (address === null || address.trim() === '') return null;
  const url = address.trim();
  if (url.length > MAX_URL_CHARS || !/^https?:\/\/[^\s\p{Cc}]+$/iu.test(url) || !URL.canParse(url))
    throw invalid(`${what} must be an http or https address.`);
  return url;
}

/** The number that viewers dial. */
export function checkedNumber(number: number | null): number | null {
  if (number !== null && !(Number.isInteger(number) && number >= 0 && number <= MAX_CHANNEL_NUMBER))
    throw invalid(`A channel's number must be a whole number from 0 to ${MAX_CHANNEL_NUMBER}.`);
  return number;
}

/** A place in a list, from 0. */
export function checkedPlace(place: number): number {
  if (!Number.isInteger(place) || place < 0) throw invalid('A place must be a whole number from 0.');
  return place;
}
