/** Understands every way in which lists of channels and people write where a stream is. */
import { canonicalHttpUrl } from './http-selection.ts';
import { addHeader, decoded, parseHeaderList, type StreamHeaders } from './stream-headers.ts';
import { type ContentSelector, ENGINE_OPTIONS, isMagnet, type Selection } from './stream-spec.ts';

/** Where a stream is, apart from how it is shared: a content of an engine, or an address to read. */
export type StreamAddress = ({ kind: 'engine' } & Selection) | { kind: 'http'; url: string; headers: StreamHeaders };

/** What a text was understood as; a refusal says why in words that repeat nothing of it. */
export type ParsedAddress = { address: StreamAddress } | { refused: string };

/** Nothing sensible is longer; a magnet link with many trackers comes near. */
const MAX_CHARS = 4096;
const HASH = /^[0-9a-f]{40}$/i;
const HASH_INSIDE = /(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])/i;
const OPTION_VALUE_CHARS = 64;
/** Names of the parameters that hold a hash, whatever the path says. */
const HASH_PARAMS = { content_id: 'content_id', infohash: 'infohash' } as const;
/** Paths at which `id` means a content: those of engines and of proxies in front of them. */
const ENGINE_PATH = /^\/?$|\/ace(\/|$)|\/(getstream|manifest\.m3u8|start)\/?$|acestream/i;
/** Older proxies have the hash in the path. */
const PATH_HASH = /\/(pid|content_id|infohash)\/([0-9a-f]{40})(?=[/.]|$)/i;

const engine = (kind: ContentSelector['kind'], value: string, options: Selection['options'] = {}): ParsedAddress => ({
  address: { kind: 'engine', selector: { kind, value: kind === 'magnet' ? value : value.toLowerCase() }, options },
});

/**
 * Reads one address: a bare id, `acestream://`, `infohash:`, a magnet link, the address of an engine or a proxy with a
 * content in it, a Kodi `plugin://` that plays a content, or any http address, with headers behind `|`.
 * @param headers what is known of the stream's headers from elsewhere; those of the address itself come first
 */
export function parseStreamAddress(raw: string, headers: StreamHeaders = {}): ParsedAddress {
  const text = raw.trim().replace(/^["'<]+|["'>]+$/g, '');
  if (text === '') return { refused: 'it is empty' };
  if (text.length > MAX_CHARS) return { refused: `it is longer than ${MAX_CHARS} characters` };
  if (HASH.test(text)) return engine('content_id', text);
  const scheme = text.match(/^([a-z][a-z0-9+.-]*):/i)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return { refused: 'it has no scheme such as http:// or acestream://' };
    case 'acestream':
    case 'infohash':
      return parseEngineScheme(scheme, text);
    case 'magnet': {
      const magnet = text.split('|', 1)[0]!;
      return isMagnet(magnet) ? engine('magnet', magnet) : { refused: 'the magnet link has no btih hash' };
    }
    case 'plugin':
      return parsePlugin(text);
    case 'http':
    case 'https':
      return parseHttp(text, headers);
    default:
      return { refused: 'streams of this scheme are not supported' };
  }
}

/** `acestream://<hash>` with anything behind it, or `acestream:?infohash=…`. */
function parseEngineScheme(scheme: 'acestream' | 'infohash', text: string): ParsedAddress {
  const rest = text.slice(scheme.length + 1).replace(/^\/+/, '');
  const [, hash] = rest.match(/^([0-9a-f]{40})(?![0-9a-z])/i) ?? [];
  if (hash !== undefined) return engine(scheme === 'infohash' ? 'infohash' : 'content_id', hash);
  const query = rest.indexOf('?') < 0 ? '' : rest.slice(rest.indexOf('?') + 1);
  return contentIn(new URLSearchParams(query), true) ?? { refused: 'it has no hash of 40 hexadecimal digits' };
}

/** Kodi's add-ons for AceStream pass the id in one parameter or another, encoded once or twice. */
function parsePlugin(text: string): ParsedAddress {
  const plain = decoded(decoded(text));
  const [, infohash] = plain.match(/[?&]infohash=([0-9a-f]{40})(?![0-9a-z])/i) ?? [];
  if (infohash !== undefined) return engine('infohash', infohash);
  const [hash] = plain.match(HASH_INSIDE) ?? [];
  return hash === undefined ? { refused: 'the add-on plays no AceStream content' } : engine('content_id', hash);
}

function parseHttp(text: string, known: StreamHeaders): ParsedAddress {
  const bar = text.indexOf('|');
  const href = canonicalHttpUrl((bar < 0 ? text : text.slice(0, bar)).trim().replaceAll(' ', '%20'));
  if (href === undefined) return { refused: 'it is not a usable http or https address' };
  const content = contentOf(new URL(href));
  if (content !== undefined) return content;
  const headers: Record<string, string> = { ...(bar < 0 ? {} : parseHeaderList(text.slice(bar + 1))) };
  for (const [name, value] of Object.entries(known)) addHeader(headers, name, value);
  return { address: { kind: 'http', url: href, headers } };
}

/** The content that an address of an engine or a proxy plays; undefined where it is an address like any other. */
function contentOf(url: URL): ParsedAddress | undefined {
  const content = contentIn(url.searchParams, ENGINE_PATH.test(url.pathname));
  if (content !== undefined) return content;
  const [, kind, hash] = url.pathname.match(PATH_HASH) ?? [];
  if (hash === undefined) return undefined;
  return engine(kind!.toLowerCase() === 'infohash' ? 'infohash' : 'content_id', hash);
}

/** @param isEngine whether parameters with ordinary names mean contents here */
function contentIn(query: URLSearchParams, isEngine: boolean): ParsedAddress | undefined {
  const named: [name: string, kind: ContentSelector['kind']][] = Object.entries(HASH_PARAMS);
  if (isEngine) named.push(['id', 'content_id']);
  for (const [name, kind] of named) {
    const value = query
      .get(name)
      ?.trim()
      .replace(/^acestream:\/\//i, '');
    if (value !== undefined && HASH.test(value)) return engine(kind, value, optionsIn(query));
  }
  const magnet = isEngine ? query.get('magnet') : null;
  return magnet !== null && isMagnet(magnet) ? engine('magnet', magnet, optionsIn(query)) : undefined;
}

/** What the engine is told about the content; all else is about the session of whoever wrote the list. */
function optionsIn(query: URLSearchParams): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [name, value] of [...query].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (ENGINE_OPTIONS.has(name) && value.length <= OPTION_VALUE_CHARS) options[name] = value;
  return options;
}
