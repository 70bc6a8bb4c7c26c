/** Cuts bytes into lines, whatever ends them, without ever holding more than one. */
import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';

const LF = 0x0a;
const CR = 0x0d;

/** What Windows-1252 has where Latin-1 has control characters. Node takes the one for the other, at least up to 20. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** Gets every line that is not empty; of one that is too long, the beginning. */
export type LineHandler = (line: string, isCut: boolean) => void;

/** Enough of a long line to tell what it is. */
const SHOWN_BYTES = 64;

/** Bytes in, lines out. */
export class LineCutter {
  readonly #maxBytes: number;
  readonly #onLine: LineHandler;
  /** The beginning of the line that is not complete yet. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** Whether the line is too long; what is held of it is its beginning then. */
  #isCut = false;
  #isFirst = true;
  /** Set where the bytes are UTF-16, by their byte order mark. */
  #utf16: TextDecoder | undefined;

  /** @param maxBytes of a line; more is never held */
  constructor(maxBytes: number, onLine: LineHandler) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  /** Takes the next bytes; they may be changed once this returns. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#utf16 = utf16Of(chunk);
    }
    const bytes = this.#utf16 === undefined ? chunk : Buffer.from(this.#utf16.decode(chunk, { stream: true }));
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte !== LF && byte !== CR) continue;
      this.#take(bytes.subarray(start, at));
      this.#finish();
      start = at + 1;
    }
    if (start < bytes.length) this.#take(Buffer.from(bytes.subarray(start)));
  }

  /** There is no more. */
  end(): void {
    this.#finish();
  }

  #take(part: Buffer): void {
    if (part.length === 0 || this.#isCut) return;
    this.#begun.push(part);
    this.#begunBytes += part.length;
    if (this.#begunBytes <= this.#maxBytes) return;
    this.#isCut = true;
    this.#begun = [Buffer.concat(this.#begun, SHOWN_BYTES)];
  }

  /** Empty lines are no lines; so is what lies between CR and LF. */
  #finish(): void {
    const [only, ...more] = this.#begun;
    if (only !== undefined) this.#onLine(decode(more.length === 0 ? only : Buffer.concat(this.#begun)), this.#isCut);
    this.#begun = [];
    this.#begunBytes = 0;
    this.#isCut = false;
  }
}

/** Each line by itself: lists are glued together from others, and not all of those were UTF-8. */
function decode(line: Buffer): string {
  const text = isUtf8(line) ? line.toString('utf8') : fromWindows1252(line);
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function fromWindows1252(line: Buffer): string {
  return line.toString('latin1').replace(/[\x80-\x9f]/g, char => WINDOWS_1252[char.charCodeAt(0) - 0x80]!);
}

function utf16Of(chunk: Buffer): TextDecoder | undefined {
  if (chunk[0] === 0xff && chunk[1] === 0xfe) return new TextDecoder('utf-16le');
  if (chunk[0] === 0xfe && chunk[1] === 0xff) return new TextDecoder('utf-16be');
  return undefined;
}
