/** Opens a guide, wherever it is. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parseGuidePlace } from '../../../src/guide/guide-address.ts';
import type { ReadingOptions } from '../../../src/guide/guide-job.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { DocumentClient } from '../../../src/upstream/document-client.ts';

/** How a server or a file knows what was read the last time. */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A guide that has yet to be read, or one that is as it was. */
export type OpenedGuide =
  | { isUnchanged: true }
  | ({ isUnchanged: false; body: AsyncIterable<Uint8Array> } & Validators);

/** A guide of this age is old news, however slowly its server sends it. */
const TOTAL_TIMEOUT_MS = 30 * 60_000;

/**
 * Opens a guide and lets `use` read it.
 * @param known what was said when it was read last; null when it never was
 * @throws SluiceError why it can't be read, or whatever `use` throws
 */
export async function withGuide<Result>(
  text: string,
  known: Validators,
  { allowPrivate, userAgent, timeoutMs }: ReadingOptions,
  use: (guide: OpenedGuide) => Promise<Result>,
): Promise<Result> {
  const place = parseGuidePlace(text);
  if (place === undefined) throw new SluiceError('catalog_invalid', "The guide's address is none.");
  if (place.kind === 'file') return await withFile(place.path, known, use);
  const client = new DocumentClient({
    allowPrivate,
    answerTimeoutMs: timeoutMs,
    stallTimeoutMs: timeoutMs,
    totalTimeoutMs: TOTAL_TIMEOUT_MS,
  });
  const headers = {
    'user-agent': userAgent,
    ...(known.etag !== null && { 'if-none-match': known.etag }),
    ...(known.lastModified !== null && { 'if-modified-since': known.lastModified }),
  };
  return await client.read({ url: place.url, headers }, new AbortController().signal, use);
}

async function withFile<Result>(
  path: string,
  known: Validators,
  use: (guide: OpenedGuide) => Promise<Result>,
): Promise<Result> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw fileError(error);
  });
  if (!facts.isFile()) throw new SluiceError('source_not_found', 'The guide is no file.');
  const etag = `${facts.size}-${facts.mtimeMs}`;
  if (etag === known.etag) return await use({ isUnchanged: true });
  const stream = createReadStream(path, { highWaterMark: 256 << 10 });
  stream.on('error', () => {}); // Whoever reads it hears of it, even if it comes before that.
  try {
    return await use({ isUnchanged: false, etag, lastModified: null, body: readable(stream) });
  } finally {
    stream.destroy();
  }
}

async function* readable(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* stream;
  } catch (error) {
    throw fileError(error as NodeJS.ErrnoException);
  }
}

function fileError(error: NodeJS.ErrnoException): SluiceError {
  return error.code === 'ENOENT'
    ? new SluiceError('source_not_found', 'There is no such file.', { cause: error })
    : new SluiceError('source_unavailable', `The file can't be read (${error.code}).`, { cause: error });
}
