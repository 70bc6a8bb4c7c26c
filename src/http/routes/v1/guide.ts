import { createRoute, z } from '@hono/zod-openapi';
import type { Guide, GuideSourceState } from '../../../guide/guide.ts';
import {
  answer,
  type DescribedApp,
  definedOf,
  idPath,
  jsonBody,
  pageOf,
  pageQuery,
  refusals,
} from '../../api/described.ts';

/** The part of the guide that is administrated. */
export type GuideAdministration = Pick<
  Guide,
  'sources' | 'source' | 'createSource' | 'updateSource' | 'removeSource' | 'run' | 'mappings'
>;

const sourceSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    place: z.string().openapi({ description: 'Address or path, without credentials.' }),
    enabled: z.boolean(),
    intervalS: z.int().openapi({ description: 'Seconds from one reading to the next.' }),
    configured: z.boolean().openapi({ description: 'Whether EPG_SOURCES names it.' }),
    lastRunAt: z.int().nullable().openapi({ description: 'Unix seconds of the last reading without a problem.' }),
    problem: z.string().nullable(),
    channels: z.int().nullable().openapi({ description: 'Null until they were counted.' }),
    programmes: z.int().nullable().openapi({ description: 'Null until they were counted.' }),
    isReading: z.boolean(),
  })
  .openapi('GuideSource', { description: 'A programme guide that is read again and again.' });
const guideChannelSchema = z
  .object({
    id: z.int(),
    sourceId: z.int(),
    xmltvId: z.string(),
    names: z.array(z.string()),
    iconUrl: z.string().nullable(),
  })
  .openapi('GuideChannel', { description: 'A channel as a guide knows it.' });
const mappingSchema = z
  .object({
    channelId: z.int(),
    name: z.string(),
    guideId: z.string().nullable(),
    mapping: z
      .object({ guideChannel: guideChannelSchema, score: z.number(), how: z.enum(['guide-id', 'name', 'manual']) })
      .nullable(),
  })
  .openapi('GuideMapping', { description: 'A channel, and the guide that it shows.' });

const fields = {
  name: z.string().min(1).max(200).optional(),
  intervalS: z.int().min(60).max(2_592_000).optional(),
  enabled: z.boolean().optional(),
};
const place = z.string().min(1).max(2048).openapi({ description: 'An http address, or a file below DATA_DIR.' });
const input = z.strictObject({ place, ...fields }).openapi('GuideSourceInput');
const change = z.strictObject({ place: place.optional(), ...fields }).openapi('GuideSourceChange');
const search = z.string().max(200).optional().openapi({ description: 'Part of a name or id.' });

const tags = ['Guide'];
const missing = { catalog_not_found: 'There is no such thing in the catalogue.' } as const;
const invalid = {
  catalog_invalid: "A guide's place must be an http or https address, or an absolute path.",
  catalog_conflict: 'There is a guide of this place already, or EPG_SOURCES says something else.',
} as const;
const one = answer('The guide source.', sourceSchema);
const mapped = answer('The mapping.', mappingSchema);

const list = createRoute({
  method: 'get',
  path: '/api/v1/guide/sources',
  tags,
  summary: 'All guide sources',
  responses: { 200: answer('The guide sources.', z.object({ items: z.array(sourceSchema) })), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/guide/sources',
  tags,
  summary: 'Add a guide source',
  description: 'Unless it is disabled it is read soon.',
  request: { body: jsonBody(input) },
  responses: { 201: one, ...refusals(invalid) },
});

const get = createRoute({
  method: 'get',
  path: '/api/v1/guide/sources/{id}',
  tags,
  summary: 'One guide source',
  request: { params: idPath },
  responses: { 200: one, ...refusals(missing) },
});

const update = createRoute({
  method: 'patch',
  path: '/api/v1/guide/sources/{id}',
  tags,
  summary: 'Change a guide source',
  request: { params: idPath, body: jsonBody(change) },
  responses: { 200: one, ...refusals({ ...missing, ...invalid }) },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/guide/sources/{id}',
  tags,
  summary: 'Remove a guide source with all that came from it',
  request: { params: idPath },
  responses: {
    204: { description: 'It is gone.' },
    ...refusals({ ...missing, catalog_conflict: 'This guide is one of the configuration; remove it there.' }),
  },
});

const start = createRoute({
  method: 'post',
  path: '/api/v1/guide/sources/{id}/runs',
  tags,
  summary: 'Read a guide now',
  description: 'Does not wait for the end; the source tells of it.',
  request: { params: idPath },
  responses: { 202: one, ...refusals(missing) },
});

const channels = createRoute({
  method: 'get',
  path: '/api/v1/guide/channels',
  tags,
  summary: 'Channels that guides know',
  request: { query: z.strictObject({ search, sourceId: z.coerce.number<string>().int().optional(), ...pageQuery }) },
  responses: { 200: answer('A page of them.', pageOf(guideChannelSchema)), ...refusals() },
});

const mappings = createRoute({
  method: 'get',
  path: '/api/v1/guide/mappings',
  tags,
  summary: 'Which guide every channel shows',
  request: {
    query: z.strictObject({
      search,
      unmatched: z
        .enum(['true', 'false'])
        .optional()
        .openapi({ description: 'Only channels without a guide, or only those with one.' }),
      ...pageQuery,
    }),
  },
  responses: { 200: answer('A page of them.', pageOf(mappingSchema)), ...refusals() },
});

const set = createRoute({
  method: 'put',
  path: '/api/v1/guide/mappings/{id}',
  tags,
  summary: "Choose a channel's guide by hand",
  description: 'The id is the one of the channel. What is chosen by hand stays, whatever guides and lists say later.',
  request: { params: idPath, body: jsonBody(z.strictObject({ guideChannelId: z.int().positive() })) },
  responses: { 200: mapped, ...refusals(missing) },
});

const clear = createRoute({
  method: 'delete',
  path: '/api/v1/guide/mappings/{id}',
  tags,
  summary: "Leave a channel's guide to matching again",
  request: { params: idPath },
  responses: { 204: { description: 'It is matched anew soon.' }, ...refusals(missing) },
});

function describe({ progress, channels, programmes, ...source }: GuideSourceState): z.infer<typeof sourceSchema> {
  return { ...source, channels: channels ?? null, programmes: programmes ?? null, isReading: progress !== null };
}

/** Routes about the programme guide. */
export function guideRoutes(app: DescribedApp, guide: GuideAdministration): void {
  app.openapi(list, c => c.json({ items: guide.sources().map(describe) }, 200));
  app.openapi(create, c => c.json(describe(guide.createSource(c.req.valid('json'))), 201));
  app.openapi(get, c => c.json(describe(guide.source(c.req.valid('param').id)), 200));
  app.openapi(update, c => {
    const changed = guide.updateSource(c.req.valid('param').id, definedOf(c.req.valid('json')));
    return c.json(describe(changed), 200);
  });
  app.openapi(remove, async c => {
    await guide.removeSource(c.req.valid('param').id);
    return c.body(null, 204);
  });
  app.openapi(start, c => {
    const { id } = guide.source(c.req.valid('param').id);
    void guide.run(id).catch(() => {}); // Its end is noted by itself.
    return c.json(describe(guide.source(id)), 202);
  });
  app.openapi(channels, c => {
    const { items, total } = guide.mappings.guideChannels(c.req.valid('query'));
    return c.json({ items: items.map(item => ({ ...item, names: [...item.names] })), total }, 200);
  });
  app.openapi(mappings, c => {
    const { unmatched, ...query } = c.req.valid('query');
    const { items, total } = guide.mappings.list({
      ...query,
      unmatched: unmatched === undefined ? undefined : unmatched === 'true',
    });
    return c.json({ items: items.map(plain), total }, 200);
  });
  app.openapi(set, c => {
    const { guideChannelId } = c.req.valid('json');
    return c.json(plain(guide.mappings.set(c.req.valid('param').id, guideChannelId)), 200);
  });
  app.openapi(clear, c => {
    guide.mappings.clear(c.req.valid('param').id);
    return c.body(null, 204);
  });
}

function plain({
  mapping,
  ...channel
}: ReturnType<GuideAdministration['mappings']['get']>): z.infer<typeof mappingSchema> {
  if (mapping === null) return { ...channel, mapping };
  const { guideChannel, score, how } = mapping;
  return { ...channel, mapping: { guideChannel: { ...guideChannel, names: [...guideChannel.names] }, score, how } };
}
