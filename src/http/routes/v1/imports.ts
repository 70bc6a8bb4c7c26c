import { createRoute, z } from '@hono/zod-openapi';
import type { Import, ImportInput } from '../../../catalog/import-store.ts';
import type { Imports } from '../../../catalog/imports.ts';
import { answer, type DescribedApp, definedOf, idPath, jsonBody, refusals } from '../../api/described.ts';

const importSchema = z
  .object({
    id: z.int(),
    kind: z.enum(['m3u', 'xtream']),
    name: z.string(),
    address: z.string().openapi({ description: 'Where it is, without what could be a secret.' }),
    enabled: z.boolean(),
    intervalS: z.int().openapi({ description: 'Seconds from one reading to the next.' }),
    configured: z.boolean().openapi({ description: 'Whether SCRAPER_URLS names it.' }),
    lastRunAt: z.int().nullable().openapi({ description: 'Unix seconds.' }),
    guideUrls: z.array(z.string()).openapi({ description: 'Programme guides that the list names.' }),
    progress: z
      .object({ phase: z.enum(['reading', 'comparing', 'applying']), entries: z.int(), bytes: z.int() })
      .nullable()
      .openapi({ description: 'How far a run is that is under way.' }),
  })
  .openapi('Import', { description: 'A list of channels that is read again and again.' });
const runSchema = z
  .object({
    id: z.int(),
    importId: z.int(),
    startedAt: z.int().openapi({ description: 'Unix seconds.' }),
    finishedAt: z.int().nullable().openapi({ description: 'Unix seconds.' }),
    state: z.enum(['running', 'done', 'unchanged', 'failed']),
    added: z.int(),
    changed: z.int(),
    removed: z.int(),
    skipped: z.int(),
    problem: z.string().nullable(),
  })
  .openapi('ImportRun', { description: 'One reading of a list.' });
const named = z.object({ id: z.int(), name: z.string() });
const previewSchema = z
  .object({
    added: z.int(),
    changed: z.int(),
    removed: z.int(),
    samples: z.object({
      added: z.array(z.object({ name: z.string(), category: z.string() })),
      changed: z.array(named.extend({ fields: z.array(z.string()) })),
      removed: z.array(named),
    }),
    entries: z.int(),
    channels: z.int(),
    duplicates: z.int(),
    skipped: z.record(z.string(), z.int()).openapi({ description: 'What was passed over, by reason.' }),
    guideUrls: z.array(z.string()),
    bytes: z.int(),
  })
  .openapi('ImportPreview', { description: 'What a run would change now.' });

const fields = {
  name: z.string().min(1).max(200).optional(),
  username: z.string().max(200).optional().openapi({ description: 'At an Xtream server.' }),
  password: z.string().max(200).optional().openapi({ description: 'Never shown again.' }),
  enabled: z.boolean().optional(),
  intervalS: z.int().min(60).max(604_800).optional(),
};
const url = z.string().min(1).max(2048);
const input = z
  .strictObject({ kind: z.enum(['m3u', 'xtream']).optional(), url, ...fields })
  .openapi('ImportInput', { description: 'For m3u an http address or a file below DATA_DIR, else the server.' });
const change = z.strictObject({ url: url.optional(), ...fields }).openapi('ImportChange');

const tags = ['Imports'];
const missing = { catalog_not_found: 'There is no such import.' } as const;
const invalid = {
  catalog_invalid: "An import's address must be an http or https address, or a file.",
  catalog_conflict: 'There is an import of this address already.',
} as const;
const one = answer('The import.', importSchema);

const list = createRoute({
  method: 'get',
  path: '/api/v1/imports',
  tags,
  summary: 'All imports',
  responses: { 200: answer('The imports.', z.object({ items: z.array(importSchema) })), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/imports',
  tags,
  summary: 'Add an import',
  description: 'Unless it is disabled it is read at once.',
  request: { body: jsonBody(input) },
  responses: { 201: one, ...refusals(invalid) },
});

const get = createRoute({
  method: 'get',
  path: '/api/v1/imports/{id}',
  tags,
  summary: 'One import, and how far it is',
  request: { params: idPath },
  responses: { 200: one, ...refusals(missing) },
});

const update = createRoute({
  method: 'patch',
  path: '/api/v1/imports/{id}',
  tags,
  summary: 'Change an import',
  request: { params: idPath, body: jsonBody(change) },
  responses: { 200: one, ...refusals({ ...missing, ...invalid }) },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/imports/{id}',
  tags,
  summary: 'Remove an import with its channels, or without',
  request: {
    params: idPath,
    query: z.strictObject({
      keepChannels: z.enum(['true', 'false']).default('false').openapi({ description: 'Keeps its channels.' }),
    }),
  },
  responses: {
    204: { description: 'It is gone.' },
    ...refusals({ ...missing, catalog_conflict: 'This import is one of the configuration; remove it there.' }),
  },
});

const preview = createRoute({
  method: 'post',
  path: '/api/v1/imports/{id}/preview',
  tags,
  summary: 'What a run would change now',
  description: 'Reads the list, and changes nothing.',
  request: { params: idPath },
  responses: {
    200: answer('The preview.', previewSchema),
    ...refusals({ ...missing, list_unusable: 'The list has no channel in it.' }),
  },
});

const start = createRoute({
  method: 'post',
  path: '/api/v1/imports/{id}/runs',
  tags,
  summary: 'Read a list now',
  description: 'Does not wait for the end. While it is being read already, the answer is that run.',
  request: { params: idPath },
  responses: { 202: answer('The run.', runSchema), ...refusals(missing) },
});

const runs = createRoute({
  method: 'get',
  path: '/api/v1/imports/{id}/runs',
  tags,
  summary: 'The latest runs of an import, the newest first',
  request: {
    params: idPath,
    query: z.strictObject({
      limit: z.coerce.number<string>().int().min(1).max(100).default(20).openapi({ type: 'integer' }),
    }),
  },
  responses: { 200: answer('The runs.', z.object({ items: z.array(runSchema) })), ...refusals(missing) },
});

const restore = createRoute({
  method: 'post',
  path: '/api/v1/imports/{id}/restore-deleted',
  tags,
  summary: 'Let a list bring back channels that were removed by hand',
  request: { params: idPath },
  responses: { 204: { description: 'The next run brings them back.' }, ...refusals(missing) },
});

/** Routes about imports. */
export function importRoutes(app: DescribedApp, imports: Imports): void {
  const describe = (about: Import): z.infer<typeof importSchema> => ({
    ...about,
    guideUrls: [...about.guideUrls],
    progress: imports.progress(about.id) ?? null,
  });

  app.openapi(list, c => c.json({ items: imports.list().map(describe) }, 200));
  app.openapi(create, c => {
    const made = imports.create(definedOf(c.req.valid('json')) as ImportInput);
    return c.json(describe(made), 201);
  });
  app.openapi(get, c => c.json(describe(imports.get(c.req.valid('param').id)), 200));
  app.openapi(update, c => {
    const changed = imports.update(c.req.valid('param').id, definedOf(c.req.valid('json')));
    return c.json(describe(changed), 200);
  });
  app.openapi(remove, async c => {
    const keepChannels = c.req.valid('query').keepChannels === 'true';
    await imports.remove(c.req.valid('param').id, { keepChannels });
    return c.body(null, 204);
  });
  app.openapi(preview, async c => c.json(await imports.preview(c.req.valid('param').id), 200));
  app.openapi(start, c => {
    const { id } = imports.get(c.req.valid('param').id);
    void imports.run(id).catch(() => {}); // Its end is noted by itself.
    return c.json(imports.runs(id, 1)[0]!, 202);
  });
  app.openapi(runs, c => {
    const items = imports.runs(c.req.valid('param').id, c.req.valid('query').limit);
    return c.json({ items }, 200);
  });
  app.openapi(restore, c => {
    imports.restoreDeleted(imports.get(c.req.valid('param').id).id);
    return c.body(null, 204);
  });
}
