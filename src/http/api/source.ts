/** Sources of channels as they are given and shown. */
import { z } from '@hono/zod-openapi';
import type { SourceInput } from '../../catalog/channel.ts';
import { canonicalHttpUrl } from '../../shared/http-selection.ts';
import { parseStreamAddress, type StreamAddress } from '../../shared/stream-address.ts';
import { addHeader } from '../../shared/stream-headers.ts';
import { parseSelection } from '../../shared/stream-spec.ts';
import { InvalidRequest } from './problem.ts';

const texts = z.record(z.string(), z.string().max(1024));
const engineSpec = z.strictObject({
  kind: z.literal('engine'),
  selector: z.strictObject({
    kind: z.enum(['content_id', 'infohash', 'url', 'magnet']),
    value: z.string().min(1).max(4096),
  }),
  options: texts.openapi({ description: 'What the engine is told, such as `quality`.' }),
});
const httpSpec = z.strictObject({
  kind: z.literal('http'),
  url: z.string().min(1).max(4096),
  headers: texts.openapi({ description: 'Request headers.' }),
});
const spec = z.discriminatedUnion('kind', [engineSpec, httpSpec]).openapi('SourceSpec');

/** A source as it is shown. */
export const sourceSchema = z
  .object({
    id: z.int(),
    rank: z.int().openapi({ description: 'From 0; the lowest is tried first.' }),
    enabled: z.boolean(),
    spec,
    importId: z.int().nullable().openapi({ description: 'The import that brought it; null for one added by hand.' }),
  })
  .openapi('Source');

const enabled = z.boolean().optional();

/** A source as it is given: by an address in any of its usual spellings, or taken apart as it is shown. */
export const sourceInput = z
  .union([
    z.strictObject({
      address: z.string().min(1).max(4096).openapi({ example: 'acestream://d0c0000000000000000000000000000000000001' }),
      enabled,
    }),
    z.strictObject({ spec, enabled }),
  ])
  .openapi('SourceInput');

function refuse(place: number, field: string, message: string): never {
  throw new InvalidRequest([{ field: `body.sources.${place}.${field}`, message }]);
}

function checkedSpec(given: z.infer<typeof spec>, place: number): StreamAddress {
  if (given.kind === 'engine') {
    const { kind, value } = given.selector;
    return { kind: 'engine', ...parseSelection(new URLSearchParams({ ...given.options, [kind]: value })) };
  }
  const url = canonicalHttpUrl(given.url);
  if (url === undefined) refuse(place, 'spec.url', 'This is not a usable http or https address.');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given.headers)) addHeader(headers, name, value);
  return { kind: 'http', url, headers };
}

/**
 * A source as the catalogue takes it.
 * @param place its place in the list that it is given in
 * @throws SluiceError `request_invalid` or `selector_malformed`
 */
export function sourceOf(given: z.infer<typeof sourceInput>, place: number): SourceInput {
  const on = given.enabled === undefined ? {} : { enabled: given.enabled };
  if ('spec' in given) return { spec: checkedSpec(given.spec, place), ...on };
  const parsed = parseStreamAddress(given.address);
  if ('refused' in parsed) return refuse(place, 'address', `This can't be read: ${parsed.refused}.`);
  return { spec: parsed.address, ...on };
}
