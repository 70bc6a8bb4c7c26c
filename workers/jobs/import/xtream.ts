/** Reads the live channels of an account at another Xtream server. */

import { SluiceError } from '../../../src/shared/errors.ts';
import { parseStreamAddress } from '../../../src/shared/stream-address.ts';
import { decoded } from '../../../src/shared/stream-headers.ts';
import type { DocumentClient } from '../../../src/upstream/http-document.ts';
import { cleanName, cleanUrl, type ListSink } from '../list-entry.ts';
import { JsonObjects } from './json-objects.ts';
import { unpacked } from './unpack.ts';

/** What it takes to ask an account. */
export interface XtreamAccess {
  client: DocumentClient;
  /** The server's address with the account as its userinfo. */
  url: string;
  userAgent: string;
  signal: AbortSignal;
  /** Told how much was read. */
  onBytes: (bytes: number) => void;
}

type Fields = Record<string, unknown>;

/** Reads all live channels with their categories. */
export async function readXtream(access: XtreamAccess, sink: ListSink): Promise<void> {
  const server = new URL(access.url);
  const account = { username: decoded(server.username), password: decoded(server.password) };
  const categories = new Map<string, string>();
  await readList(access, server, account, 'get_live_categories', fields => {
    const name = cleanName(text(fields?.category_name));
    if (fields !== undefined && name !== null) categories.set(text(fields.category_id), name);
  });
  const base = `${server.origin}${folderOf(server)}live/${encodeURIComponent(account.username)}/${encodeURIComponent(account.password)}`;
  await readList(access, server, account, 'get_live_streams', fields => {
    const id = text(fields?.stream_id);
    const name = cleanName(text(fields?.name));
    if (fields === undefined || name === null || !/^\d{1,15}$/.test(id)) return sink.skipped('broken');
    const parsed = parseStreamAddress(`${base}/${id}.ts`);
    if ('refused' in parsed) return sink.skipped('unsupported_address');
    sink.entry({
      name,
      group: categories.get(text(fields.category_id)) ?? null,
      logoUrl: cleanUrl(text(fields.stream_icon)),
      guideId: cleanName(text(fields.epg_channel_id)),
      number: null, // `num` is only the place in the list.
      address: parsed.address,
    });
  });
}

async function readList(
  { client, userAgent, signal, onBytes }: XtreamAccess,
  server: URL,
  account: { username: string; password: string },
  action: string,
  onObject: (fields: Fields | undefined) => void,
): Promise<void> {
  const query = new URLSearchParams({ ...account, action });
  const url = `${server.origin}${folderOf(server)}player_api.php?${query}`;
  await client.read({ url, headers: { 'User-Agent': userAgent } }, signal, async document => {
    if (document === undefined) throw new SluiceError('source_bad_answer', 'The source answered with status 304.');
    const objects = new JsonObjects(fields => {
      if (fields !== undefined && 'auth' in fields && String(fields.auth) !== '1')
        throw new SluiceError('source_refused', 'The source refused the account.');
      onObject(fields);
    });
    for await (const chunk of unpacked(document.body)) {
      onBytes(chunk.length);
      objects.push(chunk);
    }
    objects.end();
  });
}

/** The folder that the server's pages lie in; people paste addresses of pages, too. */
function folderOf({ pathname }: URL): string {
  return pathname.replace(/[^/]*$/, '');
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
