import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { SluiceError } from '../../shared/errors.ts';
import { parseSelection } from '../../shared/stream-spec.ts';
import type { StreamDirectory } from '../../viewers/stream-directory.ts';
import type { Viewers } from '../../viewers/viewers.ts';
import type { AppEnv } from '../app-env.ts';

const MAX_AGENT_CHARS = 200;

/** The drop-in routes of AceStream proxies: open a stream, ask what is running. */
export function aceRoutes({ directory, viewers }: { directory: StreamDirectory; viewers: Viewers }): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  // Not the framework's middleware for this: it rewrites finished responses, and a viewer's is no longer ours then.
  app.use('/ace/*', async (c, next) => {
    c.header('Access-Control-Allow-Origin', '*');
    await next();
  });
  app.options('/ace/*', c => {
    c.header('Access-Control-Allow-Methods', 'GET, HEAD');
    c.header('Access-Control-Allow-Headers', c.req.header('access-control-request-headers') ?? '*');
    return c.body(null, 204);
  });

  app.get('/ace/getstream', async c => {
    const selection = parseSelection(new URL(c.req.url).searchParams);
    // Players and media servers ask before they open; that must not cost a session.
    if (c.req.raw.method === 'HEAD') {
      return c.body(null, 200, { 'Content-Type': 'video/mp2t', 'Accept-Ranges': 'none', 'Cache-Control': 'no-store' });
    }
    const stream = await directory.specFor(selection);
    const { socket } = c.env.incoming;
    if (socket.destroyed) return RESPONSE_ALREADY_SENT;
    const userAgent = (c.req.header('user-agent') ?? '').slice(0, MAX_AGENT_CHARS);
    viewers.admit(socket, { stream, address: c.var.client.address, userAgent });
    return RESPONSE_ALREADY_SENT;
  });

  app.get('/ace/status', async c => {
    const query = new URL(c.req.url).searchParams;
    if (!['id', 'content_id', 'infohash'].some(name => query.has(name))) {
      const streams = await directory.list();
      return c.json({ streams: streams.length, clients: viewers.count });
    }
    const { selector } = parseSelection(query);
    const stream = await directory.find(selector.value);
    if (stream === undefined) throw new SluiceError('stream_not_found', 'Nobody watches this content.');
    const { key, infohash, state, readers } = stream;
    return c.json({ stream_id: key, infohash: infohash ?? null, state, clients: readers });
  });

  for (const path of ['/ace/getstream', '/ace/status'])
    app.all(path, c => {
      c.header('Allow', 'GET, HEAD');
      throw new SluiceError('method_not_allowed', 'Only GET and HEAD work here.');
    });
  return app;
}
