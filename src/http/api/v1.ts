/** The administration: every route under /api/v1, and the document that describes them. */
import { bodyLimit } from 'hono/body-limit';
import type { Accounts } from '../../accounts/accounts.ts';
import type { Admins } from '../../auth/admins.ts';
import type { Tokens } from '../../auth/tokens.ts';
import type { Categories } from '../../catalog/categories.ts';
import type { Channels } from '../../catalog/channels.ts';
import type { Imports } from '../../catalog/imports.ts';
import type { Setting } from '../../config/settings.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { SluiceError } from '../../shared/errors.ts';
import { accountRoutes } from '../routes/v1/accounts.ts';
import { adminRoutes } from '../routes/v1/admins.ts';
import { categoryRoutes } from '../routes/v1/categories.ts';
import { channelRoutes } from '../routes/v1/channels.ts';
import { type EngineAdministration, engineRoutes } from '../routes/v1/engines.ts';
import { type GuideAdministration, guideRoutes } from '../routes/v1/guide.ts';
import { importRoutes } from '../routes/v1/imports.ts';
import { sessionRoutes } from '../routes/v1/sessions.ts';
import { settingRoutes } from '../routes/v1/settings.ts';
import { tokenRoutes } from '../routes/v1/tokens.ts';
import { type DescribedApp, describedApp } from './described.ts';

/** What is administrated. */
export interface AdministrationParts {
  accounts: Accounts;
  sessions: Sessions;
  tokens: Tokens;
  admins: Admins;
  engines: EngineAdministration;
  channels: Channels;
  categories: Categories;
  imports: Imports;
  guide: GuideAdministration;
  settings: readonly Setting[];
}

const MAX_BODY_BYTES = 1024 * 1024;
const DESCRIPTION = `Administration of a Sluice gateway. Refusals are problem+json (RFC 9457) with a stable \`code\`.
What has a \`version\` comes with an ETag; send it as If-Match to change only what you saw. Tokens need the scope \`read\`
for GET and HEAD, \`write\` for the rest.`;

/** All described routes. */
export function administration(parts: AdministrationParts): DescribedApp {
  const app = describedApp();
  app.use('/api/v1/*', async (c, next) => {
    // Browsers send the credentials of HTTP Basic along with whatever another site makes them ask for.
    if (
      !['GET', 'HEAD'].includes(c.req.method) &&
      ['cross-site', 'same-site'].includes(c.req.header('sec-fetch-site') ?? '')
    )
      throw new SluiceError('cross_site', 'Pages of other sites may not change anything here.');
    await next();
  });
  const tooLarge = (): never => {
    throw new SluiceError('request_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  };
  app.use('/api/v1/*', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }));

  accountRoutes(app, parts.accounts);
  sessionRoutes(app, parts.sessions);
  tokenRoutes(app, parts.tokens);
  adminRoutes(app, parts.admins);
  engineRoutes(app, parts.engines);
  channelRoutes(app, parts.channels);
  categoryRoutes(app, parts.categories);
  importRoutes(app, parts.imports);
  guideRoutes(app, parts.guide);
  settingRoutes(app, parts.settings);

  app.openAPIRegistry.registerComponent('securitySchemes', 'basic', {
    type: 'http',
    scheme: 'basic',
    description: 'Name and password of an administrator.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token, or the password of ADMIN_USERNAME.',
  });
  return app;
}

/** The OpenAPI document of the described routes. */
export function openApiDocument(app: DescribedApp, version: string): ApiDocument {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Sluice administration', version, description: DESCRIPTION },
    servers: [{ url: '/' }],
    security: [{ basic: [] }, { bearer: [] }],
  });
}

/** See {@link openApiDocument}. */
export type ApiDocument = ReturnType<DescribedApp['getOpenAPI31Document']>;
