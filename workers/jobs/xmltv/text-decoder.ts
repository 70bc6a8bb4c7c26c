/** Bytes of a document as text, by its byte order mark or its declaration, and else as UTF-8. */
import { TextDecoder } from 'node:util';

/** The declaration has to be at the very beginning. */
const DECLARATION_BYTES = 256;

/** Turns the chunks of one document into text; bytes that mean nothing become U+FFFD. */
export class XmlTextDecoder {
  #decoder: TextDecoder | undefined;

  /** @param bytes the next ones; the first chunk has to hold the declaration, if there is one */
  decode(bytes: Uint8Array): string {
    this.#decoder ??= decoderFor(bytes);
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left of a character that was cut off. */
  end(): string {
    return this.#decoder?.decode() ?? '';
  }
}

function decoderFor(bytes: Uint8Array): TextDecoder {
  const [first, second, third] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le');
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be');
  if (first === 0xef && second === 0xbb && third === 0xbf) return new TextDecoder('utf-8');
  const beginning = Buffer.from(bytes.subarray(0, DECLARATION_BYTES)).toString('latin1');
  const label = /^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(beginning)?.[1];
  // A document that says UTF-16 in single bytes is wrong about it.
  if (label === undefined || /^utf-?16/i.test(label)) return new TextDecoder('utf-8');
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder('utf-8');
  }
}
