import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { type Context, Hono } from 'hono';
import { GZIP_OPTIONS } from '../../../xtream/list-kinds.ts';
import type { Credentials } from '../../../xtream/login.ts';
import { isExtended, type PlaylistRequest, playlistChunks, suffixOf, wantsLive } from '../../../xtream/playlist.ts';
import { categoriesFor, type Xtream } from '../../../xtream/xtream.ts';
import type { AppEnv } from '../../app-env.ts';
import { acceptsGzip } from '../../encoded.ts';
import { anyOrigin } from '../../watching.ts';
import { credentialsIn, paramsOf, refused, smallBody, throttled, verify } from './guest.ts';
import type { OriginOf } from './origin.ts';

const PLAYLIST_TYPE = 'audio/x-mpegurl';

/** A name that a file may have everywhere. */
function fileName({ username }: Credentials, isExtendedList: boolean): string {
  return `playlist_${username.replace(/[^\w.@-]/g, '_')}${isExtendedList ? '_plus' : ''}.m3u`;
}

/** The playlist, piece by piece: 50 000 channels are ten megabytes, and differ from viewer to viewer. */
function streamed(c: Context<AppEnv>, chunks: AsyncGenerator<Uint8Array>): Response {
  c.header('Vary', 'Accept-Encoding', { append: true });
  const plain = Readable.from(chunks, { objectMode: false });
  if (!acceptsGzip(c)) return c.body(Readable.toWeb(plain) as ReadableStream<Uint8Array>);
  c.header('Content-Encoding', 'gzip');
  const gzip = createGzip(GZIP_OPTIONS);
  plain.on('error', error => gzip.destroy(error));
  gzip.on('close', () => plain.destroy()); // The player may leave half-way.
  return c.body(Readable.toWeb(plain.pipe(gzip)) as ReadableStream<Uint8Array>);
}

/** The playlist for players that know no API. */
export function playlistRoutes(xtream: Xtream, originOf: OriginOf): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  const playlist = async (c: Context<AppEnv>): Promise<Response> => {
    c.header('Content-Type', PLAYLIST_TYPE);
    c.header('Cache-Control', 'no-store');
    if (c.req.raw.method === 'HEAD') return c.body(null);
    const params = await paramsOf(c);
    const credentials = credentialsIn(params);
    const verdict = await verify(c, xtream.logins, credentials);
    if (verdict.kind === 'throttled') return throttled(c, verdict.retryAfterSeconds);
    if (verdict.kind === 'refused') throw refused();
    const extended = isExtended(params('type'));
    const request: PlaylistRequest = {
      credentials,
      origin: originOf(c),
      suffix: suffixOf(params('output')),
      extended,
    };
    const isEmpty = verdict.standing !== 'active' || !wantsLive(params('key'));
    const categories = isEmpty ? new Set<number>() : categoriesFor(verdict.account, params('category_id'));
    const table = await xtream.lists.table(extended ? 'playlist' : 'plainPlaylist');
    c.header('Content-Disposition', `attachment; filename="${fileName(credentials, extended)}"`);
    return streamed(c, playlistChunks(request, table, { categories }));
  };

  app.use('/get.php', anyOrigin, smallBody);
  app.get('/get.php', playlist);
  app.post('/get.php', playlist);
  return app;
}
