import { createRoute, z } from '@hono/zod-openapi';
import type { Channel } from '../../../catalog/channel.ts';
import type { BulkChange, Channels } from '../../../catalog/channels.ts';
import { SluiceError } from '../../../shared/errors.ts';
import { etagOf, ifMatchHeaders, versionFrom } from '../../api/concurrency.ts';
import {
  answer,
  type DescribedApp,
  definedOf,
  idPath,
  jsonBody,
  pageOf,
  pageQuery,
  refusals,
  versioned,
} from '../../api/described.ts';
import { sourceInput, sourceOf, sourceSchema } from '../../api/source.ts';

const MAX_BULK = 10_000;
const MAX_SOURCES = 32;

const channelSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    number: z.int().nullable().openapi({ description: 'What viewers dial.' }),
    categoryId: z.int(),
    logoUrl: z.string().nullable(),
    guideId: z.string().nullable().openapi({ description: 'What guides know it by.' }),
    enabled: z.boolean().openapi({ description: 'Whether viewers get it.' }),
    missing: z.boolean().openapi({ description: 'Not enabled because its list has it no more.' }),
    importId: z.int().nullable().openapi({ description: 'The import that brought it.' }),
    edited: z.array(z.string()).openapi({ description: 'What was changed by hand; imports leave it alone.' }),
    addedAt: z.int().openapi({ description: 'Unix seconds.' }),
    updatedAt: z.int().openapi({ description: 'Unix seconds.' }),
    version: z.int(),
    sources: z.array(sourceSchema).openapi({ description: 'In the order in which they are tried.' }),
  })
  .openapi('Channel');

const fields = {
  name: z.string().min(1).max(200),
  number: z.int().min(0).max(999_999).nullable(),
  categoryId: z.int().positive(),
  logoUrl: z.string().max(2048).nullable(),
  guideId: z.string().max(200).nullable(),
  enabled: z.boolean(),
};
const optional = z.strictObject(fields).partial().shape;
const sources = z.array(sourceInput).max(MAX_SOURCES);
const input = z.strictObject({ ...optional, name: fields.name, sources: sources.optional() }).openapi('ChannelInput');
const change = z.strictObject(optional).openapi('ChannelChange');
const ids = z.array(z.int().positive()).min(1).max(MAX_BULK);
const bulkInput = z
  .union([
    z.strictObject({ ids, enabled: z.boolean() }),
    z.strictObject({ ids, categoryId: z.int().positive() }),
    z.strictObject({ ids, delete: z.literal(true) }),
  ])
  .openapi('ChannelBulk');

const flag = z
  .enum(['true', 'false'])
  .transform(text => text === 'true')
  .optional()
  .openapi({ type: 'boolean' });
const number = z.coerce.number<string>().int().positive().optional().openapi({ type: 'integer' });
const tags = ['Channels'];
const missing = { catalog_not_found: 'There is no such channel.' } as const;
const invalid = { catalog_invalid: 'There is no such category.' } as const;
const conflict = { version_conflict: 'The channel has changed in the meantime; read it again.' } as const;
const one = versioned('The channel.', channelSchema);

const list = createRoute({
  method: 'get',
  path: '/api/v1/channels',
  tags,
  summary: 'Channels in the order in which players show them',
  request: {
    query: z.strictObject({
      search: z.string().max(200).optional().openapi({ description: 'Part of the name.' }),
      categoryId: number,
      importId: number,
      enabled: flag,
      ...pageQuery,
    }),
  },
  responses: { 200: answer('A page of channels.', pageOf(channelSchema)), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/channels',
  tags,
  summary: 'Add a channel behind all others',
  description: 'Without a category it is uncategorized.',
  request: { body: jsonBody(input) },
  responses: { 201: one, ...refusals(invalid) },
});

const bulk = createRoute({
  method: 'post',
  path: '/api/v1/channels/bulk',
  tags,
  summary: 'Change or remove many channels at once, all or none',
  request: { body: jsonBody(bulkInput) },
  responses: { 200: answer('How many there were.', z.object({ channels: z.int() })), ...refusals(invalid) },
});

const get = createRoute({
  method: 'get',
  path: '/api/v1/channels/{id}',
  tags,
  summary: 'One channel',
  request: { params: idPath },
  responses: { 200: one, ...refusals(missing) },
});

const update = createRoute({
  method: 'patch',
  path: '/api/v1/channels/{id}',
  tags,
  summary: 'Change a channel',
  description: 'What is left out stays. Imports leave alone from now on what is named.',
  request: { params: idPath, headers: ifMatchHeaders, body: jsonBody(change) },
  responses: { 200: one, ...refusals({ ...missing, ...invalid, ...conflict }) },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/channels/{id}',
  tags,
  summary: 'Remove a channel',
  description: 'An import does not bring it back.',
  request: { params: idPath, headers: ifMatchHeaders },
  responses: { 204: { description: 'It is gone.' }, ...refusals({ ...missing, ...conflict }) },
});

const move = createRoute({
  method: 'put',
  path: '/api/v1/channels/{id}/position',
  tags,
  summary: 'Move a channel to another place',
  request: {
    params: idPath,
    body: jsonBody(
      z.strictObject({ position: z.int().min(0).openapi({ description: 'Among all channels, from 0.' }) }),
    ),
  },
  responses: { 200: one, ...refusals(missing) },
});

const setSources = createRoute({
  method: 'put',
  path: '/api/v1/channels/{id}/sources',
  tags,
  summary: "Replace a channel's sources",
  description: 'In the order in which they are to be tried. Imports leave them alone from now on.',
  request: { params: idPath, headers: ifMatchHeaders, body: jsonBody(z.strictObject({ sources })) },
  responses: { 200: one, ...refusals({ ...missing, ...conflict, catalog_invalid: 'A source is given twice.' }) },
});

function describe({ position: _, edited, sources: own, ...channel }: Channel): z.infer<typeof channelSchema> {
  return { ...channel, edited: [...edited], sources: own.map(source => ({ ...source })) };
}

/** Routes about channels. */
export function channelRoutes(app: DescribedApp, channels: Channels): void {
  app.openapi(list, c => {
    const { items, total } = channels.page(c.req.valid('query'));
    return c.json({ items: items.map(describe), total }, 200);
  });
  app.openapi(create, c => {
    const { sources: given = [], ...rest } = c.req.valid('json');
    const made = channels.create({ ...definedOf(rest), name: rest.name, sources: given.map(sourceOf) });
    return c.json(describe(made), 201, { ETag: etagOf(made) });
  });
  app.openapi(bulk, c => {
    const { ids: chosen, ...rest } = c.req.valid('json');
    return c.json({ channels: channels.bulk(chosen, rest as BulkChange) }, 200);
  });
  app.openapi(get, c => {
    const channel = channels.get(c.req.valid('param').id);
    if (channel === undefined) throw new SluiceError('catalog_not_found', 'There is no such channel.');
    return c.json(describe(channel), 200, { ETag: etagOf(channel) });
  });
  app.openapi(update, c => {
    const version = versionFrom(c.req.valid('header')['if-match']);
    const channel = channels.update(c.req.valid('param').id, definedOf(c.req.valid('json')), version);
    return c.json(describe(channel), 200, { ETag: etagOf(channel) });
  });
  app.openapi(remove, c => {
    channels.remove(c.req.valid('param').id, versionFrom(c.req.valid('header')['if-match']));
    return c.body(null, 204);
  });
  app.openapi(move, c => {
    const channel = channels.move(c.req.valid('param').id, c.req.valid('json').position);
    return c.json(describe(channel), 200, { ETag: etagOf(channel) });
  });
  app.openapi(setSources, c => {
    const version = versionFrom(c.req.valid('header')['if-match']);
    const given = c.req.valid('json').sources.map(sourceOf);
    const channel = channels.setSources(c.req.valid('param').id, given, version);
    return c.json(describe(channel), 200, { ETag: etagOf(channel) });
  });
}
