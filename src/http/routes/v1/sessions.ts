import { createRoute, z } from '@hono/zod-openapi';
import type { Sessions } from '../../../sessions/sessions.ts';
import { SluiceError } from '../../../shared/errors.ts';
import { DETACH_REASONS } from '../../../shared/protocol.ts';
import { answer, type DescribedApp, idPath, pageOf, pageQuery, refusals } from '../../api/described.ts';

const facts = {
  id: z.int(),
  accountId: z.int(),
  username: z.string(),
  channelId: z.int(),
  channelName: z.string(),
  format: z.literal('ts'),
  stream: z.string().openapi({ description: 'The stream that it reads, shared with others.' }),
  address: z.string(),
  userAgent: z.string(),
  startedAtMs: z.number().openapi({ description: 'Unix milliseconds.' }),
  bytes: z.int().openapi({ description: 'Sent, over all its connections.' }),
  skips: z.int().openapi({ description: 'How often it was moved ahead.' }),
};
const sessionSchema = z
  .object({
    ...facts,
    connections: z.int().openapi({ description: 'Players open several when they tune in.' }),
    lagBytes: z.int().openapi({ description: 'How far it is behind live.' }),
  })
  .openapi('Session', { description: 'One account watching one channel on one device.' });
const endedSchema = z
  .object({
    ...facts,
    endedAtMs: z.number().openapi({ description: 'Unix milliseconds.' }),
    seconds: z.number(),
    reason: z.enum(DETACH_REASONS),
  })
  .openapi('EndedSession');

const number = z.coerce.number<string>().int().positive().optional().openapi({ type: 'integer' });
const query = z.strictObject({ accountId: number, channelId: number, address: z.string().optional(), ...pageQuery });
const tags = ['Sessions'];
const missing = refusals({ not_found: 'There is no such session; it may be over.' });

const list = createRoute({
  method: 'get',
  path: '/api/v1/sessions',
  tags,
  summary: 'Who watches what now, the oldest first',
  request: { query },
  responses: { 200: answer('A page of sessions.', pageOf(sessionSchema)), ...refusals() },
});

const history = createRoute({
  method: 'get',
  path: '/api/v1/sessions/history',
  tags,
  summary: 'Sessions that are over, the last one first',
  description: 'The last thousand are remembered, until the gateway ends.',
  request: { query },
  responses: { 200: answer('A page of sessions.', pageOf(endedSchema)), ...refusals() },
});

const get = createRoute({
  method: 'get',
  path: '/api/v1/sessions/{id}',
  tags,
  summary: 'One session',
  request: { params: idPath },
  responses: { 200: answer('The session.', sessionSchema), ...missing },
});

const end = createRoute({
  method: 'delete',
  path: '/api/v1/sessions/{id}',
  tags,
  summary: 'End a session',
  description:
    'Its connections are closed. A player that asks again gets a new one; disable its account to prevent that.',
  request: { params: idPath },
  responses: { 204: { description: 'It is over.' }, ...missing },
});

function page<T>(items: readonly T[], { offset, limit }: { offset: number; limit: number }) {
  return { items: items.slice(offset, offset + limit), total: items.length };
}

const gone = (): SluiceError => new SluiceError('not_found', 'There is no such session; it may be over.');

/** Routes about who watches what. */
export function sessionRoutes(app: DescribedApp, sessions: Sessions): void {
  app.openapi(list, c => {
    const asked = c.req.valid('query');
    return c.json(page(sessions.list(asked), asked), 200);
  });
  app.openapi(history, c => {
    const asked = c.req.valid('query');
    return c.json(page(sessions.history(asked), asked), 200);
  });
  app.openapi(get, c => {
    const session = sessions.get(c.req.valid('param').id);
    if (session === undefined) throw gone();
    return c.json(session, 200);
  });
  app.openapi(end, c => {
    if (!sessions.end(c.req.valid('param').id)) throw gone();
    return c.body(null, 204);
  });
}
