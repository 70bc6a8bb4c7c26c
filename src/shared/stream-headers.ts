/** Request headers of HTTP sources, as lists of channels write them. */

/** Bounds what a list can make us send. */
const MAX_HEADERS = 8;
const MAX_VALUE_CHARS = 1024;
const NAME = /^[a-z][a-z0-9-]{0,63}$/i;
/** The spellings of players, and the headers that they mean. */
const ALIASES: Readonly<Record<string, string>> = {
  'http-user-agent': 'User-Agent',
  useragent: 'User-Agent',
  'http-referrer': 'Referer',
  'http-referer': 'Referer',
  referrer: 'Referer',
  'http-origin': 'Origin',
  'http-cookie': 'Cookie',
};
/** The connection is ours: these would break it, or say something untrue about it. */
const OURS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers by name, spelled the one way. */
export type StreamHeaders = Readonly<Record<string, string>>;

/** Spells a header's name the one way, so that two spellings are one header; undefined when it may not be set. */
export function headerName(raw: string): string | undefined {
  const name = raw.trim().toLowerCase();
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name];
  if (!NAME.test(name) || OURS.has(name) || name.startsWith('proxy-') || name.startsWith('x-forwarded-'))
    return undefined;
  return name.replace(/(^|-)[a-z]/g, start => start.toUpperCase());
}

/** Adds a header unless it may not be set, makes no sense, or is one too many. The first of a name stays. */
export function addHeader(headers: Record<string, string>, rawName: string, rawValue: string): void {
  const name = headerName(rawName);
  const value = rawValue.trim();
  if (name === undefined || value.length > MAX_VALUE_CHARS || !/^[ -~]+$/.test(value)) return;
  if (!Object.hasOwn(headers, name) && Object.keys(headers).length < MAX_HEADERS) headers[name] = value;
}

/** Reads `User-Agent=…&Referer=…`, values URL-encoded or not, as Kodi writes it. */
export function parseHeaderList(text: string): StreamHeaders {
  const headers: Record<string, string> = {};
  for (const pair of text.split('&', 4 * MAX_HEADERS)) {
    const at = pair.indexOf('=');
    if (at > 0) addHeader(headers, pair.slice(0, at), decoded(pair.slice(at + 1)));
  }
  return headers;
}

/** Undoes URL encoding where there is any. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone percent sign means itself.
  }
}
