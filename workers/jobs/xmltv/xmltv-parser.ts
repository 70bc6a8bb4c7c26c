/** Reads a guide as it arrives: bytes in, channels and programmes out. Memory and time are bounded, whatever comes. */
import { RecordReader } from './record-reader.ts';
import { type RawRecord, RecordSplitter } from './record-splitter.ts';
import { type GuideChannel, type GuideProgramme, toChannel, toProgramme } from './records.ts';
import { XmlTextDecoder } from './text-decoder.ts';

export type { GuideChannel, GuideProgramme } from './records.ts';

/** Takes what is in a guide, in the order of the document. */
export interface GuideSink {
  channel(channel: GuideChannel): void;
  programme(programme: GuideProgramme): void;
}

/** Parsing in pieces of this size keeps the cost of a record that arrives byte by byte from growing with its square. */
const PIECE_BYTES = 64 << 10;

/** One reading of one document. */
export class XmltvParser {
  readonly #languages: readonly string[];
  readonly #sink: GuideSink;
  readonly #decoder = new XmlTextDecoder();
  readonly #reader = new RecordReader();
  readonly #splitter: RecordSplitter;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  /** Records that could not be used. */
  skipped = 0;

  /** @param languages lower-case language tags, the most preferred one first */
  constructor(languages: readonly string[], sink: GuideSink) {
    this.#languages = languages;
    this.#sink = sink;
    this.#splitter = new RecordSplitter({
      record: record => this.#record(record),
      broken: () => {
        this.skipped++;
      },
    });
  }

  /**
   * Takes the next bytes, and keeps them until there are enough to go on.
   * @throws SluiceError `guide_not_xmltv`, or what the sink throws
   */
  write(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    if (this.#pieceBytes >= PIECE_BYTES) this.#flush();
  }

  /**
   * Says that there is no more.
   * @returns whether the document came to its end; what was in it up to there was handed out in either case
   * @throws SluiceError `guide_not_xmltv`, or what the sink throws
   */
  end(): { endedWell: boolean } {
    this.#flush();
    this.#splitter.write(this.#decoder.end(), true);
    return { endedWell: this.#splitter.endedWell };
  }

  #flush(): void {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pieceBytes = 0;
    // Pieces of a large chunk, so that no text longer than a record or two is ever made.
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      this.#splitter.write(this.#decoder.decode(bytes.subarray(at, at + PIECE_BYTES)));
  }

  #record({ kind, text }: RawRecord): void {
    const element = this.#reader.read(text);
    if (kind === 'channel') {
      const channel = element && toChannel(element);
      if (channel === undefined) this.skipped++;
      else this.#sink.channel(channel);
    } else {
      const programme = element && toProgramme(element, this.#languages);
      if (programme === undefined) this.skipped++;
      else this.#sink.programme(programme);
    }
  }
}
