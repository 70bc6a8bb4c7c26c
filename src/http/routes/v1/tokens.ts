import { createRoute, z } from '@hono/zod-openapi';
import { SCOPES, type Token, type TokenInput, type Tokens, tokenInput } from '../../../auth/tokens.ts';
import { answer, type DescribedApp, idPath, jsonBody, named, refusals } from '../../api/described.ts';

const tokenSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    createdAt: z.int().openapi({ description: 'Unix seconds.' }),
    expiresAt: z.int().nullable().openapi({ description: 'Unix seconds; null never expires.' }),
    lastUsedAt: z.int().nullable().openapi({ description: 'Unix seconds, to the minute.' }),
  })
  .openapi('Token', { description: 'A bearer token for scripts, without its secret.' });
const created = tokenSchema
  .extend({ secret: z.string().openapi({ description: 'Shown only now.', example: 'slc_…' }) })
  .openapi('NewToken');

const tags = ['Tokens'];
const description = 'No token may be used here: it could give itself more than it was given.';

const list = createRoute({
  method: 'get',
  path: '/api/v1/tokens',
  tags,
  summary: 'All tokens by name, those that have expired included',
  description,
  responses: { 200: answer('The tokens.', z.object({ items: z.array(tokenSchema) })), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/tokens',
  tags,
  summary: 'Make a token',
  description: `The answer is the only one that has its secret. ${description}`,
  request: { body: jsonBody(named('TokenInput', tokenInput)) },
  responses: {
    201: answer('The token.', created),
    ...refusals({ account_exists: "There is a token 'backup' already." }),
  },
});

const revoke = createRoute({
  method: 'delete',
  path: '/api/v1/tokens/{id}',
  tags,
  summary: 'Revoke a token',
  description: `It is worth nothing from now on. ${description}`,
  request: { params: idPath },
  responses: { 204: { description: 'It is gone.' }, ...refusals({ account_not_found: 'There is no token 7.' }) },
});

const describe = ({ scopes, ...token }: Token): z.infer<typeof tokenSchema> => ({ ...token, scopes: [...scopes] });

/** Routes about tokens for scripts. */
export function tokenRoutes(app: DescribedApp, tokens: Tokens): void {
  app.openapi(list, async c => c.json({ items: (await tokens.list()).map(describe) }, 200));
  app.openapi(create, async c => {
    const { token, secret } = await tokens.create(c.req.valid('json') as TokenInput);
    return c.json({ ...describe(token), secret }, 201, { 'Cache-Control': 'no-store' });
  });
  app.openapi(revoke, async c => {
    await tokens.revoke(c.req.valid('param').id);
    return c.body(null, 204);
  });
}
