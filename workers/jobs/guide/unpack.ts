/** Bytes of a guide, unpacked: what they begin with decides, whatever names and headers say. */
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { createGunzip } from 'node:zlib';
import { SluiceError } from '../../../src/shared/errors.ts';

type Bytes = AsyncIterable<Uint8Array>;

const GZIP = [0x1f, 0x8b];
const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const LONGEST_MAGIC = XZ.length;
/** A packed file, and the packing of a server that didn't look at it. */
const MAX_LAYERS = 2;

/**
 * Unpacks gzip and xz.
 * @param maxBytes the most that may come out, and that may come in
 * @throws SluiceError `guide_truncated`, `guide_too_large` or `guide_not_xmltv`, or what the source throws
 */
export async function* unpacked(source: Bytes, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes: Bytes = limited(source, maxBytes);
  for (let layer = 0; ; layer++) {
    const { beginning, whole } = await peek(bytes);
    bytes = whole;
    const isGzip = startsWith(beginning, GZIP);
    if (!isGzip && !startsWith(beginning, XZ)) break;
    if (layer === MAX_LAYERS) throw new SluiceError('guide_not_xmltv', 'The guide is packed too many times.');
    bytes = limited(isGzip ? gunzipped(whole) : unxzed(whole), maxBytes);
  }
  yield* bytes;
}

function startsWith(beginning: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => beginning[index] === byte);
}

async function* limited(bytes: Bytes, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let total = 0;
  for await (const chunk of bytes) {
    total += chunk.length;
    if (total > maxBytes)
      throw new SluiceError('guide_too_large', `The guide has more than ${maxBytes} bytes (EPG_MAX_BYTES).`);
    yield chunk;
  }
}

/** The first bytes, and all of them once more. */
async function peek(bytes: Bytes): Promise<{ beginning: Uint8Array; whole: Bytes }> {
  const iterator = bytes[Symbol.asyncIterator]();
  let beginning: Uint8Array = new Uint8Array(0);
  while (beginning.length < LONGEST_MAGIC) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    beginning = Buffer.concat([beginning, value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield beginning;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { beginning, whole: whole() };
}

async function* gunzipped(bytes: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: 64 << 10 });
  const source = Readable.from(bytes, { objectMode: false });
  source.on('error', error => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw packingError(error, (error as { code?: string }).code === 'Z_BUF_ERROR');
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** What the decoder says, by its number; it refuses dictionaries of more than 64 MiB, which no preset of xz makes. */
const XZ_PROBLEMS: Readonly<Record<string, string>> = {
  4: 'wants too much memory',
  6: 'uses an option that is not supported',
};
const XZ_TRUNCATED = '8';

async function* unxzed(bytes: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  const { XzReadableStream } = await import('xz-decompress');
  const packed = ReadableStream.from(bytes) as ReadableStream<Uint8Array>;
  try {
    yield* new XzReadableStream(packed as never) as unknown as Bytes;
  } catch (error) {
    const number = /error code (\d+)/.exec((error as Error).message)?.[1] ?? '';
    throw packingError(error, number === XZ_TRUNCATED, XZ_PROBLEMS[number]);
  }
}

function packingError(error: unknown, isTruncated: boolean, problem = 'is damaged'): unknown {
  if (error instanceof SluiceError) return error;
  return isTruncated
    ? new SluiceError('guide_truncated', 'The packed guide ends in the middle.', { cause: error })
    : new SluiceError('guide_not_xmltv', `The packed guide ${problem}.`, { cause: error });
}
