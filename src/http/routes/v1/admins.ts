import { createRoute, z } from '@hono/zod-openapi';
import type { Admins } from '../../../auth/admins.ts';
import { answer, type DescribedApp, idPath, jsonBody, refusals } from '../../api/described.ts';

const adminSchema = z
  .object({ id: z.int(), username: z.string(), createdAt: z.int().openapi({ description: 'Unix seconds.' }) })
  .openapi('Admin', { description: 'An administrator besides the one of the configuration.' });
const password = z.string().min(8).max(1_024);
const input = z.strictObject({ username: z.string().min(1).max(64), password }).openapi('AdminInput');

const tags = ['Administrators'];
const description = 'No token may be used here.';
const missing = { account_not_found: 'There is no administrator 7.' } as const;

const list = createRoute({
  method: 'get',
  path: '/api/v1/admins',
  tags,
  summary: 'Administrators by name, besides the one of the configuration',
  description,
  responses: { 200: answer('They.', z.object({ items: z.array(adminSchema) })), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/admins',
  tags,
  summary: 'Make an administrator',
  description,
  request: { body: jsonBody(input) },
  responses: {
    201: answer('The administrator.', adminSchema),
    ...refusals({ account_exists: "There is an administrator 'bob' already." }),
  },
});

const setPassword = createRoute({
  method: 'put',
  path: '/api/v1/admins/{id}/password',
  tags,
  summary: 'Give an administrator another password',
  description,
  request: { params: idPath, body: jsonBody(z.strictObject({ password })) },
  responses: { 204: { description: 'The former one is worth nothing from now on.' }, ...refusals(missing) },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/admins/{id}',
  tags,
  summary: 'Remove an administrator',
  description,
  request: { params: idPath },
  responses: { 204: { description: 'It is gone.' }, ...refusals(missing) },
});

/** Routes about further administrators. */
export function adminRoutes(app: DescribedApp, admins: Admins): void {
  app.openapi(list, async c => c.json({ items: await admins.list() }, 200));
  app.openapi(create, async c => c.json(await admins.create(c.req.valid('json')), 201));
  app.openapi(setPassword, async c => {
    await admins.setPassword(c.req.valid('param').id, c.req.valid('json').password);
    return c.body(null, 204);
  });
  app.openapi(remove, async c => {
    await admins.remove(c.req.valid('param').id);
    return c.body(null, 204);
  });
}
