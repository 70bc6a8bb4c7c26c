import { readProlog } from './prolog.ts';

/** A `<channel>` or `<programme>` with all that is in it. */
export interface RawRecord {
  readonly kind: 'channel' | 'programme';
  readonly text: string;
}

/** Takes what a splitter finds. */
export interface RecordSink {
  record(record: RawRecord): void;
  /** A record began and did not end, or is too long. */
  broken(): void;
}

/** A record longer than this is refused: real ones have a few thousand characters. */
export const MAX_RECORD_CHARS = 256 << 10;

/** What matters between records. */
const BETWEEN = /<(?:!--|(programme|channel)(?=[\s/>])|(\/?)tv(?=[\s/>]))/g;
/** What matters inside of one. A record can't hold another one, so the begin of one is the end of what is broken. */
const INSIDE = /<(?:(!--)|(!\[CDATA\[)|\/(programme|channel)\s*>|(?:programme|channel)(?=[\s/>])|\/tv\s*>)/g;
/** The end of a section that is not parsed, or a record, which more likely means that the section was never closed. */
const COMMENT_END = /-->|<(?:programme|channel)(?=[\s/>])/g;
const CDATA_END = /\]\]>|<(?:programme|channel)(?=[\s/>])/g;
/** The longest beginning of a mark that may stand at the end of what has come so far. */
const LONGEST_MARK = 12;

type Scan = { end: number; isWhole: boolean } | 'incomplete';

/**
 * Cuts an XMLTV document into its records before any parser sees it. A parser that meets a quotation mark that is never
 * closed swallows what follows; here every record stands alone, so a broken one takes no neighbour with it. It holds one
 * record at most, and looks at each character a bounded number of times.
 */
export class RecordSplitter {
  readonly #sink: RecordSink;
  #text = '';
  #hasRoot = false;
  #inComment = false;
  /** Whether the root was closed, and nothing of it came after. */
  endedWell = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /**
   * Takes the next characters; some tens of thousands at once are best.
   * @throws SluiceError `guide_not_xmltv` when the document is of another kind
   */
  write(text: string, isLast = false): void {
    this.#text += text;
    if (!this.#hasRoot) {
      const prolog = readProlog(this.#text, isLast);
      if (prolog === 'incomplete') return;
      this.#hasRoot = true;
      this.#text = this.#text.slice(prolog.rootAt);
    }
    this.#text = this.#text.slice(this.#split(isLast));
  }

  /** @returns how many characters are done with */
  #split(isLast: boolean): number {
    const text = this.#text;
    for (let at = 0; ; ) {
      if (this.#inComment) {
        const end = text.indexOf('-->', at);
        if (end === -1) return Math.max(at, text.length - 2);
        this.#inComment = false;
        at = end + 3;
      }
      BETWEEN.lastIndex = at;
      const found = BETWEEN.exec(text);
      if (found === null) return restFrom(text, at, isLast);
      const [, kind, slash] = found;
      if (kind !== undefined) {
        const scan = scanRecord(text, found.index, kind);
        if (scan === 'incomplete' && !isLast && text.length - found.index <= MAX_RECORD_CHARS) return found.index;
        at = this.#take(text, found.index, kind as RawRecord['kind'], scan);
      } else if (slash === undefined) {
        this.#inComment = true;
        at = found.index + 4;
      } else {
        this.endedWell = slash === '/' || /^<tv\s*\/>/.test(text.slice(found.index, found.index + LONGEST_MARK));
        at = found.index + 3;
      }
    }
  }

  /** @returns where to go on */
  #take(text: string, start: number, kind: RawRecord['kind'], scan: Scan): number {
    if (scan !== 'incomplete' && scan.isWhole && scan.end - start <= MAX_RECORD_CHARS) {
      this.#sink.record({ kind, text: text.slice(start, scan.end) });
      return scan.end;
    }
    this.#sink.broken();
    // Behind its name: whatever whole record is in there is one of its own.
    return scan === 'incomplete' || scan.isWhole ? start + 1 : scan.end;
  }
}

/** Where the rest begins that may become a mark with the characters to come. */
function restFrom(text: string, from: number, isLast: boolean): number {
  const last = text.lastIndexOf('<');
  return !isLast && last >= from && text.length - last <= LONGEST_MARK ? last : text.length;
}

/** Finds the end of the record that begins at `start`, whether it is its own or that of what can be used of it. */
function scanRecord(text: string, start: number, kind: string): Scan {
  const tag = scanTag(text, start + 1 + kind.length);
  if (tag === 'incomplete' || !tag.isWhole) return tag;
  if (text[tag.end - 2] === '/') return tag;
  for (let at = tag.end; ; ) {
    INSIDE.lastIndex = at;
    const found = INSIDE.exec(text);
    if (found === null) return 'incomplete';
    const [mark, comment, cdata, closed] = found;
    if (comment === undefined && cdata === undefined)
      return closed === kind ? { end: found.index + mark.length, isWhole: true } : { end: found.index, isWhole: false };
    // One search for both: two would each look at everything that has come.
    const section = comment === undefined ? CDATA_END : COMMENT_END;
    section.lastIndex = found.index + mark.length;
    const end = section.exec(text);
    if (end === null) return 'incomplete';
    if (end[0].startsWith('<')) return { end: end.index, isWhole: false };
    at = end.index + 3;
  }
}

/** Finds the end of a start tag; XML has no `<` in one, so that ends it too, whatever quotation marks say. */
function scanTag(text: string, from: number): Scan {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text[at]!;
    if (character === '<') return { end: at, isWhole: false };
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === '>') {
      return { end: at + 1, isWhole: true };
    }
  }
  return 'incomplete';
}
