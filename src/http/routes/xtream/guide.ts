import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { EMPTY_GUIDE } from '../../../xtream/empty-guide.ts';
import type { GuideDocument, GuideEncoding } from '../../../xtream/ports.ts';
import type { Xtream } from '../../../xtream/xtream.ts';
import type { AppEnv } from '../../app-env.ts';
import { acceptsGzip } from '../../encoded.ts';
import { anyOrigin } from '../../watching.ts';
import { credentialsIn, paramsOf, refused, smallBody, throttled, verify } from './guest.ts';

const XMLTV_TYPE = 'application/xml; charset=utf-8';

/** Whether the client has these bytes already. */
function isKnown(c: Context<AppEnv>, etag: string): boolean {
  const known = (c.req.header('if-none-match') ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etag);
}

/** @param asFile a compressed file, instead of a document that may be compressed on the way */
function send(c: Context<AppEnv>, document: GuideDocument, asFile: boolean): Response {
  const encoding: GuideEncoding = asFile || acceptsGzip(c) ? 'gzip' : 'identity';
  const etag = document.etags[encoding];
  c.header('ETag', etag);
  c.header('Last-Modified', document.lastModified.toUTCString());
  c.header('Vary', 'Accept-Encoding', { append: true });
  if (isKnown(c, etag)) return c.body(null, 304);
  c.header('Content-Type', asFile ? 'application/octet-stream' : XMLTV_TYPE);
  c.header('Content-Disposition', `attachment; filename="epg.xml${asFile ? '.gz' : ''}"`);
  c.header('Content-Length', String(document.bytes[encoding]));
  if (!asFile && encoding === 'gzip') c.header('Content-Encoding', 'gzip');
  return c.body(Readable.toWeb(document.open(encoding)) as ReadableStream<Uint8Array>);
}

/** The programme guide. */
export function guideRoutes(xtream: Xtream): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  const guide = async (c: Context<AppEnv>): Promise<Response> => {
    c.header('Cache-Control', 'private, no-cache');
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'Content-Type': XMLTV_TYPE });
    const params = await paramsOf(c);
    const verdict = await verify(c, xtream.logins, credentialsIn(params));
    if (verdict.kind === 'throttled') return throttled(c, verdict.retryAfterSeconds);
    if (verdict.kind === 'refused') throw refused();
    const { standing, account } = verdict;
    const { categoryIds } = account;
    const selection = categoryIds === null ? 'all' : { categoryIds };
    return send(
      c,
      standing === 'active' ? await xtream.guide.xmltvFor(selection) : EMPTY_GUIDE,
      params('gzip') === '1',
    );
  };

  app.use('/xmltv.php', anyOrigin, smallBody);
  app.get('/xmltv.php', guide);
  app.post('/xmltv.php', guide);
  return app;
}
