import { Hono } from 'hono';
import type { Metrics } from '../../observability/metrics.ts';
import type { AppEnv } from '../app-env.ts';

/** What the gateway knows about itself. */
export interface Health {
  /** Version of this program. */
  version: string;
  /** Whether viewers are taken: every shard is up and nobody asked the process to end. */
  ready(): boolean;
}

/** Routes for supervisors and monitoring. */
export function healthRoutes({ health, metrics }: { health: Health; metrics: Metrics }): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get('/healthz', c => c.json({ status: 'ok' }));
  app.get('/readyz', c => (health.ready() ? c.json({ status: 'ready' }) : c.json({ status: 'not ready' }, 503)));
  app.get('/version', c => c.json({ name: 'sluice', version: health.version, node: process.version }));
  app.get('/metrics', async c => c.text(await metrics.render(), 200, { 'Content-Type': metrics.contentType }));
  return app;
}
