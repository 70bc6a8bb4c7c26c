import { createRoute, z } from '@hono/zod-openapi';
import type { Setting } from '../../../config/settings.ts';
import { answer, type DescribedApp, refusals } from '../../api/described.ts';

const settingSchema = z
  .object({
    key: z.string().openapi({ example: 'MAX_STREAMS' }),
    section: z.string(),
    doc: z.string(),
    value: z.string().nullable().openapi({ description: 'As written; null when it is not set, or a secret.' }),
    source: z.enum(['environment', 'file', 'default']),
    secret: z.boolean(),
  })
  .openapi('Setting');

const list = createRoute({
  method: 'get',
  path: '/api/v1/settings',
  tags: ['Settings'],
  summary: 'What the gateway was configured with, and where',
  description: 'To change a setting, change the environment or the file, and start the gateway again.',
  responses: { 200: answer('The settings.', z.object({ items: z.array(settingSchema) })), ...refusals() },
});

/** The configuration, to be read. */
export function settingRoutes(app: DescribedApp, settings: readonly Setting[]): void {
  app.openapi(list, c => c.json({ items: [...settings] }, 200));
}
