/**
 * A list written once for everybody, from which the part that one account may see is cut by copying bytes. Plain memory
 * and numbers, so that a job can hand it to another thread.
 */
export interface RowTable {
  /** The list as a whole, ready to be sent: head, rows with separators between them, tail. */
  readonly bytes: Uint8Array;
  readonly headLength: number;
  readonly tailLength: number;
  /** Where each row begins and ends in `bytes`. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** The channel behind each row. */
  readonly ids: Uint32Array;
  /** The category of that channel. */
  readonly categories: Uint32Array;
}

/** What stands around the rows of a list. */
export interface RowFrame {
  readonly head: string;
  readonly separator: string;
  readonly tail: string;
}

const FIRST_BYTES = 1 << 20;

/** Writes a table row by row. */
export class RowTableWriter {
  readonly #frame: RowFrame;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #ids: number[] = [];
  readonly #categories: number[] = [];
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  constructor(frame: RowFrame) {
    this.#frame = frame;
    this.#write(frame.head);
  }

  /** Adds a row at the end. */
  add(row: string, id: number, category: number): void {
    if (this.#ids.length > 0) this.#write(this.#frame.separator);
    this.#starts.push(this.#length);
    this.#write(row);
    this.#ends.push(this.#length);
    this.#ids.push(id);
    this.#categories.push(category);
  }

  /** The table; nothing can be added afterwards. */
  finish(): RowTable {
    const { head, tail } = this.#frame;
    this.#write(tail);
    return {
      bytes: new Uint8Array(this.#buffer.subarray(0, this.#length)),
      headLength: Buffer.byteLength(head),
      tailLength: Buffer.byteLength(tail),
      starts: Uint32Array.from(this.#starts),
      ends: Uint32Array.from(this.#ends),
      ids: Uint32Array.from(this.#ids),
      categories: Uint32Array.from(this.#categories),
    };
  }

  #write(text: string): void {
    const most = text.length * 3; // UTF-8 takes three bytes at most for each unit of UTF-16.
    if (this.#length + most > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + most));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#length += this.#buffer.write(text, this.#length, 'utf8');
  }
}

/** Which rows are wanted, in their order. */
export interface RowSelection {
  /** Categories whose rows are wanted; null is all of them. */
  readonly categories: ReadonlySet<number> | null;
  /** Rows of the selection left out at its begin, and most rows given; 0 is no limit. */
  readonly offset?: number;
  readonly limit?: number;
}

/** The selected rows, as runs of rows that lie side by side: `[first, last]` each. */
function* runsOf(table: RowTable, { categories, offset = 0, limit = 0 }: RowSelection): Generator<[number, number]> {
  const end = limit === 0 ? Number.POSITIVE_INFINITY : offset + limit;
  let seen = 0;
  let first = -1;
  for (let row = 0; row < table.ids.length; row++) {
    const matches = categories === null || categories.has(table.categories[row]!);
    const wanted = matches && seen >= offset && seen < end;
    if (matches) seen++;
    if (wanted && first < 0) first = row;
    if (!wanted && first >= 0) {
      yield [first, row - 1];
      first = -1;
    }
  }
  if (first >= 0) yield [first, table.ids.length - 1];
}

/** A list of the selected rows, with the same head, separators and tail. */
export function selectRows(table: RowTable, selection: RowSelection, separator: string): Buffer {
  const { bytes, starts, ends, headLength, tailLength } = table;
  const runs = [...runsOf(table, selection)];
  const between = Math.max(0, runs.length - 1) * separator.length;
  const inRuns = runs.reduce((sum, [first, last]) => sum + ends[last]! - starts[first]!, 0);
  const list = Buffer.allocUnsafe(headLength + inRuns + between + tailLength);
  let at = 0;
  const copy = (from: number, to: number): void => {
    list.set(bytes.subarray(from, to), at);
    at += to - from;
  };
  copy(0, headLength);
  for (const [i, [first, last]] of runs.entries()) {
    if (i > 0) at += list.write(separator, at, 'latin1');
    copy(starts[first]!, ends[last]!);
  }
  copy(bytes.length - tailLength, bytes.length);
  return list;
}
