import { Hono } from 'hono';
import type { DescribedApp } from '../api/described.ts';
import { REFERENCE_POLICY, referencePage } from '../api/reference.ts';
import { type ApiDocument, openApiDocument } from '../api/v1.ts';
import type { AppEnv } from '../app-env.ts';

/** The description of the administration, for programs and for people. */
export function referenceRoutes(described: DescribedApp, version: string): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  let document: ApiDocument | undefined;
  const theDocument = (): ApiDocument => {
    document ??= openApiDocument(described, version);
    return document;
  };
  app.get('/api/openapi.json', c => c.json(theDocument()));
  app.get('/api/docs', async c =>
    c.html(await referencePage(theDocument()), 200, {
      'Content-Security-Policy': REFERENCE_POLICY,
      'X-Content-Type-Options': 'nosniff',
    }),
  );
  return app;
}
