/** Opens a guide, wherever it is. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { parseGuidePlace } from '../../../src/guide/guide-address.ts';
import type { ReadingOptions } from '../../../src/guide/guide-job.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { DocumentClient } from '../../../src/upstream/http-document.ts';

/** How a server or a file knows what was read the last time. */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A guide that has yet to be read, or one that is as it was. */
export type OpenedGuide =
  | { isUnchanged: true }
  | ({ isUnchanged: false; body: AsyncIterable<Uint8Array> } & Validators);

/** A guide that takes longer has become old news meanwhile. */
const TOTAL_TIMEOUT_MS = 30 * 60_000;

/**
 * Opens a guide and lets `use` read it.
 * @param known what was said when it was read last; null when it never was
 * @throws SluiceError why it can't be read, or whatever `use` throws
 */
export async function withGuide<Result>(
  text: string,
  known: Validators,
  { allowPrivate, userAgent, timeoutMs, folder }: ReadingOptions,
  link: JobLink<unknown>,
  use: (guide: OpenedGuide) => Promise<Result>,
): Promise<Result> {
  const place = parseGuidePlace(text);
  if (place === undefined) throw new SluiceError('catalog_invalid', "The guide's address is none.");
  if (place.kind === 'file') return await withFile(place.path, folder, known, use);
  const client = new DocumentClient({ allowPrivate, answerTimeoutMs: timeoutMs, stallTimeoutMs: timeoutMs });
  const headers = {
    'user-agent': userAgent,
    ...(known.etag !== null && { 'if-none-match': known.etag }),
    ...(known.lastModified !== null && { 'if-modified-since': known.lastModified }),
  };
  return await client.read({ url: place.url, headers }, link.deadline(TOTAL_TIMEOUT_MS), async document =>
    document === undefined
      ? await use({ isUnchanged: true })
      : await use({
          isUnchanged: false,
          etag: document.etag ?? null,
          lastModified: document.lastModified ?? null,
          body: document.body,
        }),
  );
}

/** Files below the data directory only: others are nobody's business, least of all that of who has a token for the API. */
async function withFile<Result>(
  file: string,
  folder: string,
  known: Validators,
  use: (guide: OpenedGuide) => Promise<Result>,
): Promise<Result> {
  if (!file.startsWith(path.resolve(folder) + path.sep))
    throw new SluiceError('source_not_allowed', 'Local guides are read from the data directory (DATA_DIR) only.');
  const facts = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw fileError(error);
  });
  if (!facts.isFile()) throw new SluiceError('source_not_found', 'The guide is no file.');
  const etag = `${facts.size}-${facts.mtimeMs}`;
  if (etag === known.etag) return await use({ isUnchanged: true });
  const stream = createReadStream(file, { highWaterMark: 256 << 10 });
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
