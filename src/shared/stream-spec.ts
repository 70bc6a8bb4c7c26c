import { createHash } from 'node:crypto';
import { SluiceError } from './errors.ts';

/** How an AceStream content is named; the engine looks each kind up differently (acestream-engine-api 3.2). */
export type SelectorKind = 'content_id' | 'infohash' | 'url' | 'magnet';

/** Names one content at the engine. */
export interface ContentSelector {
  kind: SelectorKind;
  value: string;
}

/** Identifies a stream in the whole process: what is shared by every viewer of the same content with the same options. */
export type StreamKey = string;

/** A content as a viewer selects it. */
export interface Selection {
  selector: ContentSelector;
  /** Engine options such as `transcode_audio`, passed on as they are. */
  options: Readonly<Record<string, string>>;
}

/** One place where a stream can be read. */
export type SourceSpec =
  | ({
      kind: 'engine';
      /** Names the content in the whole process, options included: an engine runs it once. */
      content: StreamKey;
    } & Selection)
  | {
      kind: 'http';
      url: string;
      /** Sent with every request, `User-Agent` included. */
      headers: Readonly<Record<string, string>>;
    };

/** What it takes to open a stream at its origin. */
export interface StreamSpec {
  key: StreamKey;
  /** At least one, the best first; the others are for when it fails. */
  sources: readonly SourceSpec[];
}

const SELECTOR_PARAMS: Readonly<Record<string, SelectorKind>> = {
  id: 'content_id',
  content_id: 'content_id',
  infohash: 'infohash',
  url: 'url',
  magnet: 'magnet',
};

/**
 * Options of the engine's getstream call that a viewer may set (acestream-engine-api 3.3). The others concern the
 * session, which is the gateway's, or are unknown: passing those on would split one content into two streams.
 */
export const ENGINE_OPTIONS: ReadonlySet<string> = new Set([
  'transcode_audio',
  'transcode_mp3',
  'transcode_ac3',
  'preferred_audio_language',
  'quality',
  'stream_id',
  '_idx',
  'start_from',
  'disable_p2p',
]);

const MAX_VALUE_CHARS = 2048;
const HASH = /^[0-9a-f]{40}$/;

/** Whether a text is a magnet link that names a content. */
export function isMagnet(text: string): boolean {
  return text.length <= MAX_VALUE_CHARS && /^magnet:\?(.*&)?xt=urn:btih:([0-9a-z]{32}|[0-9a-f]{40})(&|$)/i.test(text);
}

function parseValue(param: string, kind: SelectorKind, raw: string): string {
  const value = raw.trim();
  const malformed = (why: string) => new SluiceError('selector_malformed', `'${param}' ${why}.`);
  if (value.length > MAX_VALUE_CHARS) throw malformed(`is longer than ${MAX_VALUE_CHARS} characters`);
  switch (kind) {
    case 'content_id':
    case 'infohash': {
      const hash = value.toLowerCase();
      if (!HASH.test(hash)) throw malformed('must be 40 hexadecimal digits');
      return hash;
    }
    case 'url': {
      if (!/^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ''))
        throw malformed('must be an http or https address of a transport file');
      return value;
    }
    case 'magnet': {
      if (!isMagnet(value)) throw malformed('must be a magnet link with a btih hash');
      return value;
    }
  }
}

/**
 * Reads selector and options from a request's query.
 * @throws SluiceError `selector_missing`, `selector_conflict` or `selector_malformed`
 */
export function parseSelection(query: URLSearchParams): Selection {
  const given = [...query].filter(([name, value]) => Object.hasOwn(SELECTOR_PARAMS, name) && value !== '');
  if (given.length === 0)
    throw new SluiceError(
      'selector_missing',
      "Say which content: one of 'id', 'content_id', 'infohash', 'url', 'magnet'.",
    );
  if (given.length > 1)
    throw new SluiceError(
      'selector_conflict',
      `Give exactly one of 'id', 'content_id', 'infohash', 'url', 'magnet'; got ${given.map(([name]) => `'${name}'`).join(' and ')}.`,
    );
  const [param, raw] = given[0]!;
  const kind = SELECTOR_PARAMS[param]!;
  const options: Record<string, string> = {};
  for (const [name, value] of [...query].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!ENGINE_OPTIONS.has(name)) continue;
    if (value.length > 64) throw new SluiceError('selector_malformed', `'${name}' is longer than 64 characters.`);
    options[name] = value;
  }
  return { selector: { kind, value: parseValue(param, kind, raw) }, options };
}

/**
 * The key under which viewers share a stream.
 * @param infohash the content's resolved infohash, when known: id, magnet and url of one content then share one stream
 */
export function streamKey(selection: Selection, infohash?: string): StreamKey {
  const options = new URLSearchParams(selection.options).toString();
  const content = infohash ?? contentName(selection.selector);
  return options === '' ? content : `${content}?${options}`;
}

/** A content as it may appear in logs and addresses: what users paste as url or magnet may hold secrets. */
function contentName({ kind, value }: ContentSelector): string {
  if (kind === 'content_id' || kind === 'infohash') return value;
  return `${kind}-${createHash('sha1').update(value).digest('hex')}`;
}
