/** Reads M3U lists as they come in, entry by entry. A broken entry costs itself and nothing beside it. */
import { SluiceError } from '../../../src/shared/errors.ts';
import { parseStreamAddress, type StreamAddress } from '../../../src/shared/stream-address.ts';
import { addHeader, parseHeaderList } from '../../../src/shared/stream-headers.ts';
import { cleanName, cleanNumber, cleanUrl, type ListSink } from '../list-entry.ts';
import { type Extinf, parseExtinf, parseHeader } from './extinf.ts';
import { LineCutter } from './lines.ts';

/** Pictures within lists make lines of a megabyte; what is longer than this is passed over. */
export const MAX_LINE_BYTES = 16 << 10;
const MAX_GUIDES = 16;
const NO_INFO: Extinf = { attributes: new Map(), title: '' };

/** What is known of the next address from the lines before it. */
interface Pending {
  info: Extinf | undefined;
  group: string | undefined;
  headers: Record<string, string>;
  /** Its line was too long to be read. */
  isBroken: boolean;
}

const nothing = (): Pending => ({ info: undefined, group: undefined, headers: {}, isBroken: false });

/** Bytes in, entries out. */
export class M3uParser {
  readonly #sink: ListSink;
  readonly #lines: LineCutter;
  #pending = nothing();
  /** What the address before this line belonged to; a further address right behind it is an alternate. */
  #last: Pending | undefined;
  #isFirst = true;

  constructor(sink: ListSink) {
    this.#sink = sink;
    this.#lines = new LineCutter(MAX_LINE_BYTES, (line, isCut) => this.#read(line, isCut));
  }

  /**
   * Takes the next bytes.
   * @throws SluiceError `list_unusable` when this is something else than a list of channels
   */
  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  /** There is no more. */
  end(): void {
    this.#lines.end();
    if (this.#pending.info !== undefined || this.#pending.isBroken) this.#skipPending();
  }

  #read(raw: string, isCut: boolean): void {
    const line = raw.trim();
    if (line === '') return;
    if (this.#isFirst) checkBeginning(line);
    this.#isFirst = false;
    if (isCut) this.#tooLong(line);
    else if (line.startsWith('#')) this.#directive(line);
    else this.#address(line);
  }

  /** Of a line that is too long only the beginning is known, which tells what it costs. */
  #tooLong(beginning: string): void {
    this.#last = undefined;
    if (!beginning.startsWith('#')) {
      this.#pending = nothing();
      this.#sink.skipped('too_long');
    } else if (/^#EXTINF/i.test(beginning)) {
      if (this.#pending.info !== undefined || this.#pending.isBroken) this.#skipPending();
      this.#pending.isBroken = true;
    }
  }

  #directive(line: string): void {
    const [, tag = '', rest = ''] = line.match(/^#([A-Za-z0-9-]+) ?:?(.*)$/s) ?? [];
    switch (tag.toUpperCase()) {
      case 'EXTINF':
        this.#info(line);
        break;
      case 'EXTM3U':
        this.#header(line);
        break;
      case 'EXTGRP':
        this.#pending.group ??= rest.trim();
        break;
      case 'EXTVLCOPT':
        this.#option(rest);
        break;
      case 'KODIPROP':
        this.#kodiProperty(rest);
        break;
      case 'EXTHTTP':
        this.#jsonHeaders(rest);
        break;
      case 'EXT-X-TARGETDURATION':
      case 'EXT-X-STREAM-INF':
      case 'EXT-X-MEDIA-SEQUENCE':
        throw new SluiceError('list_unusable', 'The source is an HLS playlist of one stream, not a list of channels.');
      default:
        this.#last = undefined;
        return;
    }
    this.#last = undefined;
  }

  #info(line: string): void {
    if (this.#pending.info !== undefined || this.#pending.isBroken) this.#skipPending();
    this.#pending.info = parseExtinf(line);
  }

  #header(line: string): void {
    const attributes = parseHeader(line);
    const urls = ['url-tvg', 'x-tvg-url', 'tvg-url']
      .flatMap(name => (attributes.get(name) ?? '').split(','))
      .map(url => cleanUrl(url))
      .filter(url => url !== null);
    if (urls.length > 0) this.#sink.guides([...new Set(urls)].slice(0, MAX_GUIDES));
  }

  #option(rest: string): void {
    const at = rest.indexOf('=');
    if (at > 0 && /^\s*http-/i.test(rest))
      addHeader(this.#pending.headers, rest.slice(0, at), unquoted(rest.slice(at + 1)));
  }

  #kodiProperty(rest: string): void {
    const at = rest.indexOf('=');
    const name = rest.slice(0, Math.max(at, 0)).trim().toLowerCase();
    if (!/(^|\.)(stream_headers|manifest_headers|common_headers)$/.test(name)) return;
    for (const [header, value] of Object.entries(parseHeaderList(rest.slice(at + 1))))
      addHeader(this.#pending.headers, header, value);
  }

  #jsonHeaders(rest: string): void {
    try {
      for (const [name, value] of Object.entries(JSON.parse(rest) as object))
        if (typeof value === 'string') addHeader(this.#pending.headers, name, value);
    } catch {
      // Headers that can't be read are worth less than the entry.
    }
  }

  #address(line: string): void {
    const known = this.#pending;
    const isFurther = known.info === undefined && !known.isBroken && this.#last !== undefined;
    const about = isFurther ? this.#last! : known;
    this.#pending = nothing();
    this.#last = undefined;
    if (about.isBroken) {
      this.#sink.skipped('too_long');
      return;
    }
    const parsed = parseStreamAddress(line, about.headers);
    if ('refused' in parsed) {
      this.#sink.skipped('unsupported_address');
      return;
    }
    this.#emit(about, parsed.address);
    if (about.info !== undefined) this.#last = about;
  }

  #emit({ info = NO_INFO, group }: Pending, address: StreamAddress): void {
    const { attributes, title } = info;
    const groups = (attributes.get('group-title') || group || '').split(';');
    this.#sink.entry({
      name: cleanName(title) ?? cleanName(attributes.get('tvg-name') || attributes.get('tvg-id')) ?? nameOf(address),
      group: groups.map(cleanName).find(name => name !== null) ?? null,
      logoUrl: cleanUrl(attributes.get('tvg-logo') || attributes.get('logo')),
      guideId: cleanName(attributes.get('tvg-id')),
      number: cleanNumber(attributes.get('tvg-chno') || attributes.get('channel-number')),
      address,
    });
  }

  #skipPending(): void {
    this.#sink.skipped(this.#pending.isBroken ? 'too_long' : 'no_address');
    this.#pending = nothing();
  }
}

/** Refuses what is no list at first sight. */
function checkBeginning(line: string): void {
  if (line.startsWith('<'))
    throw new SluiceError('list_unusable', 'The source answered with a page instead of a list of channels.');
  if (/^[[{]/.test(line))
    throw new SluiceError('list_unusable', 'The source answered with JSON instead of a list of channels.');
}

function unquoted(text: string): string {
  return text.trim().replace(/^"(.*)"$/s, '$1');
}

/** What an address is called in a list that does not say. */
function nameOf(address: StreamAddress): string {
  if (address.kind === 'engine') {
    const { kind, value } = address.selector;
    const [, title] = (kind === 'magnet' ? value.match(/[?&]dn=([^&]+)/) : null) ?? [];
    const named = title === undefined ? null : cleanName(new URLSearchParams(`n=${title}`).get('n') ?? '');
    return named ?? `AceStream ${kind === 'magnet' ? 'magnet' : value.slice(0, 8)}`;
  }
  const { pathname, host } = new URL(address.url);
  const [, stem] = pathname.match(/([^/]+?)(?:\.\w{1,5})?\/?$/) ?? [];
  return cleanName(stem === undefined ? host : (new URLSearchParams(`n=${stem}`).get('n') ?? stem)) ?? host;
}
