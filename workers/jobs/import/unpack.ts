/** Undoes gzip where there is any, and holds what comes out of it to a size. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SluiceError } from '../../../src/shared/errors.ts';

/** Of a list, unpacked. */
const MAX_BYTES = 512 << 20;
/** A packed file that the server packs once more on the way. */
const MAX_LAYERS = 2;

/** The bytes of a list. What is packed is told by how it begins, because neither names nor headers can be relied on. */
export async function* unpacked(body: AsyncIterable<Buffer>, layers = MAX_LAYERS): AsyncGenerator<Buffer> {
  const { first, whole } = await beginning(body);
  const isPacked = first.length >= 2 && first[0] === 0x1f && first[1] === 0x8b;
  if (!isPacked) yield* bounded(whole);
  else if (layers === 0) throw new SluiceError('list_unusable', 'The list is packed more than twice.');
  else yield* unpacked(gunzipped(bounded(whole)), layers - 1);
}

async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new SluiceError('list_unusable', `The list is larger than ${MAX_BYTES >> 20} MiB.`);
    yield chunk;
  }
}

async function* gunzipped(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const input = Readable.from(body);
  // Not a pipeline: it would report our own leaving as a failure.
  input.on('error', error => gunzip.destroy(error));
  input.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw new SluiceError('list_unusable', 'The packed list is damaged or ends early.', { cause: error });
  } finally {
    input.destroy();
    gunzip.destroy();
  }
}

/** Looks at the first two bytes; nothing of the body is lost. */
async function beginning(body: AsyncIterable<Buffer>): Promise<{ first: Buffer; whole: AsyncIterable<Buffer> }> {
  const iterator = body[Symbol.asyncIterator]();
  let first: Buffer = Buffer.alloc(0);
  while (first.length < 2) {
    const { value, done } = await iterator.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      yield first;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { first, whole: whole() };
}
