import { Hono } from 'hono';
import type { EngineStatus } from '../../engine/engine-member.ts';
import type { AppEnv } from '../app-env.ts';

/** What administrators see of the engines, and do to them. */
export interface EngineAdministration {
  status(): EngineStatus[];
  /** Requests for an engine that wait now. */
  readonly waiting: number;
  /** @throws SluiceError `engine_not_found` */
  drain(id: string): EngineStatus;
  /** @throws SluiceError `engine_not_found` */
  enable(id: string): EngineStatus;
}

function describe({ place: _, limits, ...status }: EngineStatus) {
  return {
    ...status,
    version: status.version ?? null,
    problem: status.problem ?? null,
    capacity: { sessions: limits.maxStreams, starts: limits.maxStarts },
  };
}

/** Routes to look at engines, to take one out of use and to bring it back. */
export function engineRoutes({ engines }: { engines: EngineAdministration }): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get('/api/v1/engines', c =>
    c.json({ waiting_requests: engines.waiting, engines: engines.status().map(describe) }),
  );
  app.post('/api/v1/engines/:id/drain', c => c.json(describe(engines.drain(c.req.param('id')))));
  app.post('/api/v1/engines/:id/enable', c => c.json(describe(engines.enable(c.req.param('id')))));
  return app;
}
