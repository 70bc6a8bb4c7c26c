import { SaxesParser } from 'saxes';
import { repaired } from './entities.ts';

/** An element right below a record. */
export interface RecordChild {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** All text in it, however deep. */
  text: string;
}

/** A record as elements. */
export interface RecordElement {
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly RecordChild[];
}

const MAX_DEPTH = 16;
const MAX_CHILDREN = 1_000;
const MAX_ATTRIBUTES = 32;
const MAX_ATTRIBUTE_CHARS = 8 << 10;

/** Thrown out of a parser that met a mistake, so that it goes no further. */
const BROKEN = Symbol('broken record');

interface Draft {
  attributes: Record<string, string> | undefined;
  children: RecordChild[];
  depth: number;
  isClosed: boolean;
}

/** Reads records one after the other. A parser that met a mistake is not used again, since its state is anybody's guess. */
export class RecordReader {
  #parser = this.#newParser();
  #draft!: Draft;

  /** @returns undefined when the record is not well-formed, or exceeds a limit */
  read(text: string): RecordElement | undefined {
    this.#draft = { attributes: undefined, children: [], depth: 0, isClosed: false };
    try {
      this.#parser.write(repaired(text));
      const { attributes, children, isClosed } = this.#draft;
      if (isClosed && attributes !== undefined) return { attributes, children };
    } catch (error) {
      if (error !== BROKEN) throw error;
    }
    this.#parser = this.#newParser();
    return undefined;
  }

  #newParser(): SaxesParser {
    const parser = new SaxesParser({ fragment: true, position: false });
    const refuse = (): never => {
      throw BROKEN;
    };
    parser.on('error', refuse);
    parser.on('doctype', refuse);
    parser.on('attribute', ({ value }) => {
      if (value.length > MAX_ATTRIBUTE_CHARS) refuse();
    });
    parser.on('opentag', ({ name, attributes }) => this.#open(name, attributes as Record<string, string>));
    parser.on('closetag', () => {
      if (--this.#draft.depth === 0) this.#draft.isClosed = true;
    });
    const addText = (text: string): void => {
      if (this.#draft.depth >= 2) this.#draft.children.at(-1)!.text += text;
    };
    parser.on('text', addText);
    parser.on('cdata', addText);
    return parser;
  }

  #open(name: string, attributes: Record<string, string>): void {
    const draft = this.#draft;
    draft.depth++;
    if (draft.depth === 1) draft.attributes = attributes;
    else if (draft.depth === 2) draft.children.push({ name, attributes, text: '' });
    if (
      draft.depth > MAX_DEPTH ||
      draft.children.length > MAX_CHILDREN ||
      Object.keys(attributes).length > MAX_ATTRIBUTES
    )
      throw BROKEN;
  }
}
