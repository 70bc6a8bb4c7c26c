/** Finds the objects of a JSON list as it comes in, so that a list of any length costs the memory of one object. */
import { SluiceError } from '../../../src/shared/errors.ts';

/** Some panels answer lists as objects with numbers for keys: both are a bracket with objects in it. */
const OBJECT_DEPTH = 2;
const MAX_OBJECT_BYTES = 64 << 10;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACKET = 0x5b;
const BRACE_END = 0x7d;
const BRACKET_END = 0x5d;

/** Takes the objects; undefined for one that is too long or no JSON. */
export type ObjectHandler = (object: Record<string, unknown> | undefined) => void;

/** Bytes in, objects out. */
export class JsonObjects {
  readonly #onObject: ObjectHandler;
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #isFirst = true;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(onObject: ObjectHandler) {
    this.#onObject = onObject;
  }

  /**
   * Takes the next bytes.
   * @throws SluiceError `list_unusable` when they are no JSON
   */
  push(chunk: Buffer): void {
    let start = 0;
    if (this.#isFirst) start = this.#begin(chunk);
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === BRACE || byte === BRACKET) {
        if (++this.#depth === OBJECT_DEPTH) start = at;
      } else if (byte === BRACE_END || byte === BRACKET_END) {
        if (this.#depth-- !== OBJECT_DEPTH) continue;
        this.#keep(chunk.subarray(start, at + 1));
        this.#finish();
      }
    }
    if (this.#depth >= OBJECT_DEPTH) this.#keep(Buffer.from(chunk.subarray(start)));
  }

  /**
   * There is no more.
   * @throws SluiceError `list_unusable` when there should be
   */
  end(): void {
    if (this.#depth !== 0 || this.#isFirst) throw new SluiceError('list_unusable', 'The list ends early.');
  }

  /** @returns where to go on */
  #begin(chunk: Buffer): number {
    const start = chunk.findIndex(byte => byte > 0x20 && byte < 0x80); // Not the byte order mark either.
    if (start < 0) return chunk.length;
    if (chunk[start] !== BRACKET && chunk[start] !== BRACE)
      throw new SluiceError('list_unusable', 'The source answered with something else than a list of channels.');
    this.#isFirst = false;
    return start;
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= MAX_OBJECT_BYTES) this.#parts.push(part);
    else this.#parts = [];
  }

  #finish(): void {
    const text = this.#bytes <= MAX_OBJECT_BYTES ? Buffer.concat(this.#parts).toString('utf8') : '';
    this.#parts = [];
    this.#bytes = 0;
    this.#onObject(parsed(text));
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
