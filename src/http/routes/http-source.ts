import { Hono } from 'hono';
import { SluiceError } from '../../shared/errors.ts';
import { parseHttpSelection } from '../../shared/http-selection.ts';
import type { StreamDirectory } from '../../viewers/stream-directory.ts';
import type { Viewers } from '../../viewers/viewers.ts';
import type { AppEnv } from '../app-env.ts';
import { isListedHost } from '../listed-hosts.ts';
import { anyOrigin, onlyGet, preflight, watch } from '../watching.ts';

/** What the route works with. */
export interface HttpSourceParts {
  directory: StreamDirectory;
  viewers: Viewers;
  /** Hosts whose streams viewers may open. */
  httpSources: readonly string[];
  httpUserAgent: string;
}

/** Opens streams that a server sends over plain HTTP. */
export function httpSourceRoutes({ directory, viewers, httpSources, httpUserAgent }: HttpSourceParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use('/http/*', anyOrigin);
  app.options('/http/*', preflight);

  app.get('/http/getstream', c => {
    const selection = parseHttpSelection(new URL(c.req.url).searchParams, httpUserAgent);
    if (!selection.every(({ url }) => isListedHost(new URL(url), httpSources)))
      throw new SluiceError(
        'source_not_allowed',
        'Viewers may not open streams of this host; HTTP_SOURCES says which hosts they may.',
      );
    return watch(c, viewers.admit.bind(viewers), () => directory.httpSpecFor(selection));
  });

  app.all('/http/getstream', onlyGet);
  return app;
}
