import { Hono } from 'hono';
import { SluiceError } from '../../shared/errors.ts';
import { parseSelection } from '../../shared/stream-spec.ts';
import type { StreamDirectory } from '../../viewers/stream-directory.ts';
import type { Viewers } from '../../viewers/viewers.ts';
import type { AppEnv } from '../app-env.ts';
import { anyOrigin, onlyGet, preflight, watch } from '../watching.ts';

/** The drop-in routes of AceStream proxies: open a stream, ask what is running. */
export function aceRoutes({ directory, viewers }: { directory: StreamDirectory; viewers: Viewers }): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use('/ace/*', anyOrigin);
  app.options('/ace/*', preflight);

  app.get('/ace/getstream', c => {
    const selection = parseSelection(new URL(c.req.url).searchParams);
    return watch(c, viewers.admit.bind(viewers), () => directory.specFor(selection));
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

  for (const path of ['/ace/getstream', '/ace/status']) app.all(path, onlyGet);
  return app;
}
