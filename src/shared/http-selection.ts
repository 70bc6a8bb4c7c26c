import { createHash } from 'node:crypto';
import { SluiceError } from './errors.ts';
import type { SourceSpec, StreamKey } from './stream-spec.ts';

/** A source that is read over plain HTTP. */
export type HttpSourceSpec = Extract<SourceSpec, { kind: 'http' }>;

/** Sources as a viewer selects them: the one that is wanted, then alternates for when it fails. */
export type HttpSelection = readonly [HttpSourceSpec, ...HttpSourceSpec[]];

const MAX_SOURCES = 8;
const MAX_URL_CHARS = 2048;
/** Parameters that become headers, and how long they may be. */
const HEADER_PARAMS = {
  user_agent: { header: 'User-Agent', maxChars: 256 },
  referer: { header: 'Referer', maxChars: 2048 },
} as const;

const malformed = (message: string): SluiceError => new SluiceError('selector_malformed', message);

/**
 * Reads sources and their headers from a request's query. Nothing is ignored: what looks like a parameter too many is
 * most often the rest of an address that was not encoded.
 * @param userAgent the header that sources get unless the request sets it
 * @throws SluiceError `selector_missing` or `selector_malformed`; messages repeat nothing of what was given
 */
export function parseHttpSelection(query: URLSearchParams, userAgent: string): HttpSelection {
  if ([...query.keys()].some(name => name !== 'url' && !Object.hasOwn(HEADER_PARAMS, name)))
    throw malformed("Only 'url', 'user_agent' and 'referer' go here; an address with '&' in it must be URL-encoded.");
  const given = query.getAll('url');
  if (given.every(value => value === ''))
    throw new SluiceError('selector_missing', "Say which source: one 'url', or several in order of preference.");
  if (given.length > MAX_SOURCES) throw malformed(`'url' may be given ${MAX_SOURCES} times.`);
  const headers = parseHeaders(query, userAgent);
  const urls = new Set(given.map(parseUrl));
  return [...urls].map(url => ({ kind: 'http', url, headers })) as [HttpSourceSpec];
}

/** The key under which viewers share a stream. It shows nothing of the address, which may hold secrets. */
export function httpStreamKey([{ url, headers }]: HttpSelection): StreamKey {
  const sorted = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return `http-${createHash('sha1')
    .update(JSON.stringify([url, sorted]))
    .digest('hex')}`;
}

/** Writes an address the one way that all its spellings share; undefined when it is none that can be read. */
export function canonicalHttpUrl(raw: string): string | undefined {
  // A scheme without slashes would do for URL, and so would line breaks in the middle.
  if (raw.length > MAX_URL_CHARS || !/^https?:\/\/[^\s\p{Cc}]+$/iu.test(raw) || !URL.canParse(raw)) return undefined;
  const url = new URL(raw);
  url.hash = '';
  return url.href;
}

function parseUrl(raw: string): string {
  if (raw.length > MAX_URL_CHARS) throw malformed(`'url' is longer than ${MAX_URL_CHARS} characters.`);
  const url = canonicalHttpUrl(raw);
  if (url === undefined) throw malformed("'url' must be an absolute http or https address.");
  return url;
}

function parseHeaders(query: URLSearchParams, userAgent: string): Record<string, string> {
  const headers: Record<string, string> = { 'User-Agent': userAgent };
  for (const [param, { header, maxChars }] of Object.entries(HEADER_PARAMS)) {
    const [value, ...more] = query.getAll(param);
    if (value === undefined) continue;
    if (more.length > 0) throw malformed(`'${param}' may be given once.`);
    if (value.length > maxChars || !/^[ -~]+$/.test(value))
      throw malformed(`'${param}' must be 1 to ${maxChars} printable ASCII characters.`);
    headers[header] = value;
  }
  return headers;
}
