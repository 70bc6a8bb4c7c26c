/** Where a guide is read: an address, or the path of a file on this machine. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A place that a guide can be read from. */
export type GuidePlace = { kind: 'http'; url: string } | { kind: 'file'; path: string };

const MAX_CHARS = 2_000;
/** Parameters that open an account; their values are for the server only. */
const SECRET_PARAMETERS = /^(user(name)?|pass(word|wd)?|pwd|token|key|api_?key|auth|sig(nature)?|secret|u|p)$/i;

/** Understands what an operator wrote; undefined when it is neither an http or https address nor an absolute path. */
export function parseGuidePlace(text: string): GuidePlace | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_CHARS || trimmed.includes('\0')) return undefined;
  if (path.isAbsolute(trimmed)) return { kind: 'file', path: path.normalize(trimmed) };
  if (!URL.canParse(trimmed)) return undefined;
  const { protocol, host, href } = new URL(trimmed);
  if (protocol === 'file:' && host === '') return { kind: 'file', path: fileURLToPath(href) };
  return protocol === 'http:' || protocol === 'https:' ? { kind: 'http', url: href } : undefined;
}

/** The text that stands for a place in the database. */
export function placeText(place: GuidePlace): string {
  return place.kind === 'http' ? place.url : place.path;
}

/** A place as people may see it: without credentials, wherever they stand. */
export function shownPlace(text: string): string {
  const place = parseGuidePlace(text);
  if (place?.kind !== 'http') return text;
  const url = new URL(place.url);
  if (url.username !== '' || url.password !== '') {
    url.username = '***';
    url.password = '';
  }
  for (const name of [...url.searchParams.keys()]) if (SECRET_PARAMETERS.test(name)) url.searchParams.set(name, '***');
  return url.href;
}

/** A name for a guide that nobody named: its host, or its file. */
export function nameOfPlace(place: GuidePlace): string {
  return place.kind === 'http' ? new URL(place.url).hostname : path.basename(place.path);
}
