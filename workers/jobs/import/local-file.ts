/** Opens lists that lie on this machine. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../../../src/shared/errors.ts';

/**
 * Reads a file below the data directory, links included; others are nobody's business, least of all that of somebody
 * who has a token for the API.
 * @throws SluiceError
 */
export async function* readLocalFile(address: string, folder: string): AsyncGenerator<Buffer> {
  const root = path.resolve(folder);
  const file = path.resolve(root, /^file:/i.test(address) ? pathOf(address) : address);
  if (!file.startsWith(root + path.sep))
    throw new SluiceError('source_not_allowed', 'Local lists are read from the data directory (DATA_DIR) only.');
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new SluiceError('source_not_found', 'There is no such file.', { cause: error });
    throw new SluiceError('source_refused', `The file can't be read (${error.code}).`, { cause: error });
  });
  try {
    if (!(await handle.stat()).isFile()) throw new SluiceError('list_unusable', 'That is no file.');
    for await (const chunk of handle.createReadStream({ autoClose: false })) yield chunk as Buffer;
  } finally {
    await handle.close();
  }
}

function pathOf(address: string): string {
  try {
    return fileURLToPath(address);
  } catch (error) {
    throw new SluiceError('selector_malformed', 'The address of the file is none.', { cause: error });
  }
}
