import { createRoute, z } from '@hono/zod-openapi';
import type { EngineStatus } from '../../../engine/engine-member.ts';
import { answer, type DescribedApp, refusals } from '../../api/described.ts';

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

const engineSchema = z
  .object({
    id: z.string().openapi({ description: 'Host and port.', example: '127.0.0.1:6878' }),
    url: z.string(),
    state: z.enum(['enabled', 'draining']).openapi({ description: '`draining` gets no new streams.' }),
    healthy: z.boolean().openapi({ description: 'Outcome of the last check.' }),
    version: z.string().nullable(),
    problem: z.string().nullable().openapi({ description: 'Why the last check was not passed.' }),
    breaker: z.enum(['closed', 'open', 'half_open']),
    sessions: z.int().openapi({ description: 'Streams that run there.' }),
    starts: z.int().openapi({ description: 'Those of them that have brought no data yet.' }),
    capacity: z
      .object({ sessions: z.int(), starts: z.int() })
      .openapi({ description: 'ENGINE_MAX_STREAMS and ENGINE_MAX_STARTS.' }),
  })
  .openapi('Engine');

const tags = ['Engines'];
const params = z.object({ id: z.string().openapi({ description: 'Host and port.', example: '127.0.0.1:6878' }) });
const missing = refusals({ engine_not_found: 'There is no such engine.' });

const list = createRoute({
  method: 'get',
  path: '/api/v1/engines',
  tags,
  summary: 'Every engine in configured order, and how many requests wait for one',
  responses: {
    200: answer('The engines.', z.object({ waiting_requests: z.int(), engines: z.array(engineSchema) })),
    ...refusals(),
  },
});

const drain = createRoute({
  method: 'post',
  path: '/api/v1/engines/{id}/drain',
  tags,
  summary: 'Take an engine out of use',
  description:
    'It gets no new streams, those that run there go on. Lasts until it is enabled, or the gateway starts again.',
  request: { params },
  responses: { 200: answer('The engine.', engineSchema), ...missing },
});

const enable = createRoute({
  method: 'post',
  path: '/api/v1/engines/{id}/enable',
  tags,
  summary: 'Bring a drained engine back',
  description: 'Who waits for one gets it at once.',
  request: { params },
  responses: { 200: answer('The engine.', engineSchema), ...missing },
});

function describe({ place: _, limits, ...status }: EngineStatus): z.infer<typeof engineSchema> {
  return {
    ...status,
    version: status.version ?? null,
    problem: status.problem ?? null,
    capacity: { sessions: limits.maxStreams, starts: limits.maxStarts },
  };
}

/** Routes to look at engines, to take one out of use and to bring it back. */
export function engineRoutes(app: DescribedApp, engines: EngineAdministration): void {
  app.openapi(list, c => c.json({ waiting_requests: engines.waiting, engines: engines.status().map(describe) }, 200));
  app.openapi(drain, c => c.json(describe(engines.drain(c.req.valid('param').id)), 200));
  app.openapi(enable, c => c.json(describe(engines.enable(c.req.valid('param').id)), 200));
}
