import { createRoute, z } from '@hono/zod-openapi';
import type { Categories, Category } from '../../../catalog/categories.ts';
import { answer, type DescribedApp, definedOf, idPath, jsonBody, refusals } from '../../api/described.ts';

const categorySchema = z
  .object({
    id: z.int(),
    name: z.string(),
    position: z.int().openapi({ description: 'Its place among all categories, from 0.' }),
    channels: z.object({ enabled: z.int(), total: z.int() }),
  })
  .openapi('Category');

const name = z.string().min(1).max(200);
const tags = ['Categories'];
const missing = { catalog_not_found: 'There is no such category.' } as const;
const taken = { catalog_conflict: 'There is a category of this name already.' } as const;
const one = answer('The category.', categorySchema);

const list = createRoute({
  method: 'get',
  path: '/api/v1/categories',
  tags,
  summary: 'All categories in the order in which players show them',
  responses: { 200: answer('The categories.', z.object({ items: z.array(categorySchema) })), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/categories',
  tags,
  summary: 'Add a category behind all others',
  request: { body: jsonBody(z.strictObject({ name })) },
  responses: { 201: one, ...refusals(taken) },
});

const get = createRoute({
  method: 'get',
  path: '/api/v1/categories/{id}',
  tags,
  summary: 'One category',
  request: { params: idPath },
  responses: { 200: one, ...refusals(missing) },
});

const update = createRoute({
  method: 'patch',
  path: '/api/v1/categories/{id}',
  tags,
  summary: 'Rename a category, or move it to another place',
  request: {
    params: idPath,
    body: jsonBody(z.strictObject({ name: name.optional(), position: z.int().min(0).optional() })),
  },
  responses: { 200: one, ...refusals({ ...missing, ...taken }) },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/categories/{id}',
  tags,
  summary: 'Remove a category',
  request: {
    params: idPath,
    query: z.strictObject({
      moveTo: z.coerce.number<string>().int().positive().optional().openapi({
        type: 'integer',
        description: 'The category that its channels go to; needed when it has any.',
      }),
    }),
  },
  responses: {
    204: { description: 'It is gone.' },
    ...refusals({ ...missing, category_in_use: 'The category has channels; say which category they go to.' }),
  },
});

/** Routes about categories. */
export function categoryRoutes(app: DescribedApp, categories: Categories): void {
  const describe = (category: Category, counts = categories.counts()): z.infer<typeof categorySchema> => {
    const { enabled, total } = counts.get(category.id) ?? { enabled: 0, total: 0 };
    return { ...category, channels: { enabled, total } };
  };

  app.openapi(list, c => {
    const counts = categories.counts();
    return c.json({ items: categories.list().map(category => describe(category, counts)) }, 200);
  });
  app.openapi(create, c => c.json(describe(categories.create(c.req.valid('json'))), 201));
  app.openapi(get, c => c.json(describe(categories.get(c.req.valid('param').id)), 200));
  app.openapi(update, c => {
    const changed = categories.update(c.req.valid('param').id, definedOf(c.req.valid('json')));
    return c.json(describe(changed), 200);
  });
  app.openapi(remove, c => {
    categories.remove(c.req.valid('param').id, c.req.valid('query').moveTo);
    return c.body(null, 204);
  });
}
