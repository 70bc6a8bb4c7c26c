import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { getPath } from 'hono/utils/url';
import type { AdminLogin } from '../auth/admin-login.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { SluiceError } from '../shared/errors.ts';
import type { StreamDirectory } from '../viewers/stream-directory.ts';
import type { Viewers } from '../viewers/viewers.ts';
import type { Xtream } from '../xtream/xtream.ts';
import { codedError, problemBody } from './api/problem.ts';
import { type AdministrationParts, administration } from './api/v1.ts';
import type { AppEnv } from './app-env.ts';
import { type Cidr, clientOf, isAllowed, isLoopback } from './client-address.ts';
import { requireLogin } from './middleware/login.ts';
import { aceRoutes } from './routes/ace.ts';
import { aceproxyRoutes } from './routes/aceproxy.ts';
import { type Health, healthRoutes } from './routes/health.ts';
import { httpSourceRoutes } from './routes/http-source.ts';
import { referenceRoutes } from './routes/reference.ts';
import { xtreamRoutes } from './routes/xtream/index.ts';

/** What the routes work with. */
export interface AppParts extends AdministrationParts {
  login: AdminLogin;
  directory: StreamDirectory;
  viewers: Viewers;
  metrics: Metrics;
  log: Logger;
  health: Health;
  trustedProxies: readonly Cidr[];
  /** Who may open streams; empty means loopback and private addresses. */
  aceAllow: readonly Cidr[];
  /** Hosts whose streams viewers may open over HTTP, as the configuration writes them. */
  httpSources: readonly string[];
  /** What those hosts are told as User-Agent. */
  httpUserAgent: string;
  /** What players with an account work with. */
  xtream: Xtream;
  /** Where players reach the gateway, if the operator says so. */
  publicUrl: string | undefined;
}

/** A path the one way that all its spellings share: people type slashes too many in front and behind. */
function tidyPath(path: string): string {
  const single = path.replace(/\/{2,}/g, '/');
  return single.length > 1 && single.endsWith('/') ? single.slice(0, -1) : single;
}

/** What the original's users read without a login, on the machine itself. */
const OPEN_ON_LOOPBACK = new Set(['/api/aceproxy/stats', '/api/aceproxy/streams']);

/** Routes whose refusals are problem+json; the others keep the form that clients of the original know. */
const DESCRIBED = /^\/api\/v1(\/|$)/;

/** All routes and what surrounds them. It never listens, so tests can call it with `app.request`. */
export function createApp(parts: AppParts): Hono<AppEnv> {
  const { login, tokens, metrics, log } = parts;
  const app = new Hono<AppEnv>({ getPath: request => tidyPath(getPath(request)) });

  app.use(async (c, next) => {
    const client = clientOf(c.env.incoming, parts.trustedProxies);
    c.set('client', client);
    c.set('loopback', isLoopback(client));
    c.set('admin', false);
    await next();
    const { status } = c.res;
    const route = routePath(c, -1);
    metrics.request(c.req.method, status === 404 ? 'none' : route, status);
    // Never the path itself: players write their credentials into it.
    log.debug({ method: c.req.method, route, status, address: client.address }, 'request');
  });

  const localOnly: MiddlewareHandler<AppEnv> = async (c, next) => {
    if (!isAllowed(c.var.client, parts.aceAllow))
      throw new SluiceError('address_not_allowed', 'Your address may not use this; see ACE_ALLOW and TRUSTED_PROXIES.');
    await next();
  };
  app.use('/ace/*', localOnly);
  app.use('/http/*', localOnly);
  app.use('/metrics', localOnly);
  app.use(
    '/api/*',
    requireLogin(
      login,
      tokens,
      (path, method, loopback) => loopback && ['GET', 'HEAD'].includes(method) && OPEN_ON_LOOPBACK.has(path),
    ),
  );

  app.route('/', aceRoutes(parts));
  app.route('/', httpSourceRoutes(parts));
  app.route('/', aceproxyRoutes(parts));
  app.route('/', healthRoutes(parts));
  const described = administration(parts);
  app.route('/', described);
  app.route('/', referenceRoutes(described, parts.health.version));
  app.route('/', xtreamRoutes(parts)); // The last, because they take any name in the first segment.

  const refuse = (c: Context<AppEnv>, error: SluiceError): Response => {
    if (!DESCRIBED.test(c.req.path)) return c.json(error.toBody(), error.status as 500);
    const text = JSON.stringify(problemBody(error));
    return c.body(text, error.status as 500, { 'Content-Type': 'application/problem+json' });
  };
  app.notFound(c => refuse(c, new SluiceError('not_found', 'There is nothing here.')));
  app.onError((thrown, c) => {
    const error = codedError(thrown);
    if (error.code === 'internal')
      log.error({ err: thrown, method: c.req.method, route: routePath(c, -1) }, 'request failed');
    if (error.retryAfterSeconds > 0) c.header('Retry-After', String(error.retryAfterSeconds));
    return refuse(c, error);
  });
  return app;
}
