import { gzipSync } from 'node:zlib';
import { type Context, Hono } from 'hono';
import type { GuideDocument } from '../../../xtream/ports.ts';
import type { Xtream } from '../../../xtream/xtream.ts';
import type { AppEnv } from '../../app-env.ts';
import { sendEncoded } from '../../encoded.ts';
import { anyOrigin } from '../../watching.ts';
import { credentialsIn, paramsOf, refused, smallBody, throttled, verify } from './guest.ts';

const XMLTV_TYPE = 'application/xml; charset=utf-8';

/** What there is to say where there is no guide: players take an error or an empty answer for a broken server. */
const EMPTY: GuideDocument = (() => {
  const plain = Buffer.from('<?xml version="1.0" encoding="UTF-8"?>\n<tv generator-info-name="Sluice"></tv>\n');
  return { etag: '"empty"', plain, gzip: gzipSync(plain) };
})();

/** Whether the client has this version already, in whichever encoding. */
function isKnown(c: Context<AppEnv>, etag: string): boolean {
  const known = (c.req.header('if-none-match') ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etag);
}

/** @param asFile a compressed file, instead of a document that may be compressed on the way */
function send(c: Context<AppEnv>, document: GuideDocument, asFile: boolean): Response | Promise<Response> {
  const { plain, gzip } = document;
  const etag = asFile ? document.etag.replace(/"$/, '-gz"') : document.etag;
  c.header('ETag', `W/${etag}`);
  if (isKnown(c, etag)) return c.body(null, 304);
  c.header('Content-Disposition', `attachment; filename="epg.xml${asFile ? '.gz' : ''}"`);
  if (!asFile) return sendEncoded(c, { plain, gzip: () => Promise.resolve(gzip) }, XMLTV_TYPE);
  return c.body(gzip as Uint8Array<ArrayBuffer>, 200, { 'Content-Type': 'application/octet-stream' });
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
    const { account, standing } = verdict;
    const document = standing === 'active' ? await xtream.guide.document(account.categoryIds) : undefined;
    return send(c, document ?? EMPTY, params('gzip') === '1');
  };

  app.use('/xmltv.php', anyOrigin, smallBody);
  app.get('/xmltv.php', guide);
  app.post('/xmltv.php', guide);
  return app;
}
