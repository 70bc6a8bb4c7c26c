/** Optimistic concurrency: who names the version they saw changes nothing that somebody else changed since. */
import { z } from '@hono/zod-openapi';
import { SluiceError } from '../../shared/errors.ts';

/** The headers of a request that changes something with a version. */
export const ifMatchHeaders = z.object({
  'if-match': z
    .string()
    .optional()
    .openapi({ description: 'Only if it is still of this version, as its ETag said.', example: '"v3"' }),
});

/** The tag of a version. */
export function etagOf({ version }: { version: number }): string {
  return `"v${version}"`;
}

/**
 * The version that a request insists on; undefined where it insists on none.
 * @throws SluiceError `version_conflict` for a tag that nothing here ever had
 */
export function versionFrom(ifMatch: string | undefined): number | undefined {
  const text = ifMatch?.trim();
  if (text === undefined || text === '*') return undefined;
  // Proxies that compress make tags weak.
  const [, version] = text.match(/^(?:W\/)?"v(\d{1,15})"$/) ?? [];
  if (version === undefined)
    throw new SluiceError('version_conflict', 'If-Match must be the ETag that came with what is to be changed.');
  return Number(version);
}
