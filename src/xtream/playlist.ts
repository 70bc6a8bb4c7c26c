/** The playlist that `get.php` answers with. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Credentials, originText, type PublicOrigin } from './login.ts';
import type { RowSelection, RowTable } from './row-table.ts';

/** Which playlist is wanted. */
export interface PlaylistRequest {
  readonly credentials: Credentials;
  readonly origin: PublicOrigin;
  /** Behind the id in each address: `.ts`, or nothing. */
  readonly suffix: string;
  /** Whether lines have attributes, and the head names the guide. */
  readonly extended: boolean;
}

/** Rows are written into pieces of this size. */
const CHUNK_BYTES = 128 * 1024;
/** Digits of an id, at most. */
const MAX_ID_CHARS = 10;

/** Whether a device's template gets a playlist without attributes; `type=m3u_plus` and all others get them. */
export const isExtended = (type: string | undefined): boolean => type?.toLowerCase() !== 'm3u';

/**
 * What stands behind the id in addresses. Players that know the Xtream form by heart (Kodi) want nothing there, so that is
 * what they get who don't say; HLS is not served yet, and a playlist of addresses that refuse would help nobody.
 */
export const suffixOf = (output: string | undefined): string => (output ? '.ts' : '');

/** Whether `key`, a list of kinds of content, asks for live channels. */
export const wantsLive = (key: string | undefined): boolean =>
  !key || key.split(',').some(kind => kind.trim().toLowerCase() === 'live');

/** The guide's address for a player. */
function guideUrl({ credentials: { username, password }, origin }: PlaylistRequest): string {
  const query = `username=${encodeURIComponent(username)}&password=${encodeURIComponent(password)}`;
  return `${originText(origin)}/xmltv.php?${query}`;
}

/** The first line. */
export function playlistHead(request: PlaylistRequest): string {
  if (!request.extended) return '#EXTM3U\r\n';
  const url = guideUrl(request);
  return `#EXTM3U url-tvg="${url}" x-tvg-url="${url}"\r\n`;
}

/**
 * The playlist in pieces. Between two of them other work gets its turn, so that no length of list holds the front up.
 * @param table rows of the kind that was asked for: the lines above the addresses
 */
export async function* playlistChunks(
  request: PlaylistRequest,
  table: RowTable,
  { categories }: RowSelection,
): AsyncGenerator<Uint8Array> {
  const { username, password } = request.credentials;
  const before = `${originText(request.origin)}/live/${encodeURIComponent(username)}/${encodeURIComponent(password)}/`;
  const after = `${request.suffix}\r\n`;
  const addressBytes = before.length + MAX_ID_CHARS + after.length; // Nothing but ASCII is in there.
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let at = chunk.write(playlistHead(request), 'latin1');
  for (let row = 0; row < table.ids.length; row++) {
    if (categories !== null && !categories.has(table.categories[row]!)) continue;
    const line = table.bytes.subarray(table.starts[row]!, table.ends[row]!);
    if (at + line.length + addressBytes > chunk.length) {
      if (at > 0) yield chunk.subarray(0, at);
      await nextTurn();
      chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, line.length + addressBytes));
      at = 0;
    }
    chunk.set(line, at);
    at += line.length;
    at += chunk.write(`${before}${table.ids[row]}${after}`, at, 'latin1');
  }
  if (at > 0) yield chunk.subarray(0, at);
}
