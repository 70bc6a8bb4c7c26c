/** Lets players in web pages use the API. */
import type { MiddlewareHandler } from 'hono';
import type { AppEnv } from '../../app-env.ts';

/**
 * For the API: the page's own origin, credentials included, and an answer to what browsers ask first. OPTIONS never gets
 * as far as a route.
 */
export const pageOrigin: MiddlewareHandler<AppEnv> = async (c, next) => {
  const origin = c.req.header('origin');
  c.header('Access-Control-Allow-Origin', origin ?? '*');
  if (origin !== undefined) {
    c.header('Access-Control-Allow-Credentials', 'true');
    c.header('Vary', 'Origin', { append: true });
  }
  if (c.req.method !== 'OPTIONS') return next();
  c.header('Access-Control-Allow-Methods', 'GET, POST, HEAD');
  c.header('Access-Control-Allow-Headers', c.req.header('access-control-request-headers') ?? '*');
  c.header('Access-Control-Max-Age', '600');
  return c.body(null, 204);
};
