import { randomInt } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import {
  ACCOUNT_STATUSES,
  type Account,
  type AccountChange,
  type AccountInput,
  accountChange,
  accountInput,
  FORMATS,
  STANDINGS,
  standingOf,
} from '../../../accounts/account.ts';
import type { Accounts } from '../../../accounts/accounts.ts';
import { etagOf, ifMatchHeaders, versionFrom } from '../../api/concurrency.ts';
import {
  answer,
  type DescribedApp,
  idPath,
  jsonBody,
  named,
  pageOf,
  pageQuery,
  refusals,
  versioned,
} from '../../api/described.ts';

/** Without letters and digits that people mix up when they type them on a remote control. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const GENERATED_CHARS = 16;

const accountSchema = z
  .object({
    id: z.int(),
    username: z.string(),
    status: z.enum(ACCOUNT_STATUSES),
    standing: z.enum(STANDINGS).openapi({ description: 'Whether it may watch now, and why not.' }),
    expiresAt: z.int().nullable().openapi({ description: 'Unix seconds; null never expires.' }),
    maxConnections: z.int().openapi({ description: 'Sessions at once; 0 is no limit.' }),
    isTrial: z.boolean(),
    formats: z.array(z.enum(FORMATS)),
    categoryIds: z.array(z.int()).nullable().openapi({ description: 'What it may watch; null is everything.' }),
    notes: z.string(),
    createdAt: z.int().openapi({ description: 'Unix seconds.' }),
    lastLoginAt: z.int().nullable().openapi({ description: 'Unix seconds.' }),
    version: z.int(),
  })
  .openapi('Account', { description: "A viewer's login. Its password can be written, never read." });

const created = accountSchema
  .extend({ password: z.string().optional().openapi({ description: 'One that was made up; shown only now.' }) })
  .openapi('NewAccount');
const input = named('AccountInput', accountInput.partial({ password: true }));
const change = named('AccountChange', accountChange);
const tags = ['Accounts'];
const missing = { account_not_found: 'There is no account 7.' } as const;
const invalid = {
  account_invalid: "The account can't be like this: username: may hold letters only.",
  account_exists: "There is an account 'alice' already.",
} as const;
const conflict = { version_conflict: 'Somebody else changed it in the meantime; read it again.' } as const;

const list = createRoute({
  method: 'get',
  path: '/api/v1/accounts',
  tags,
  summary: 'Accounts by name',
  request: {
    query: z.strictObject({
      search: z.string().max(200).optional().openapi({ description: 'Part of a name or of the notes.' }),
      status: z.enum(STANDINGS).optional().openapi({ description: 'How they stand now.' }),
      ...pageQuery,
    }),
  },
  responses: { 200: answer('A page of accounts.', pageOf(accountSchema)), ...refusals() },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/accounts',
  tags,
  summary: 'Make an account',
  description: 'Without a password one is made up, and shown in the answer, this once.',
  request: { body: jsonBody(input) },
  responses: { 201: versioned('The account.', created), ...refusals(invalid) },
});

const get = createRoute({
  method: 'get',
  path: '/api/v1/accounts/{id}',
  tags,
  summary: 'One account',
  request: { params: idPath },
  responses: { 200: versioned('The account.', accountSchema), ...refusals(missing) },
});

const update = createRoute({
  method: 'patch',
  path: '/api/v1/accounts/{id}',
  tags,
  summary: 'Change an account',
  description: 'What is left out stays. Whoever may not watch any more is sent away at once.',
  request: { params: idPath, headers: ifMatchHeaders, body: jsonBody(change) },
  responses: { 200: versioned('The account.', accountSchema), ...refusals({ ...missing, ...invalid, ...conflict }) },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/accounts/{id}',
  tags,
  summary: 'Remove an account',
  description: 'Its sessions end.',
  request: { params: idPath, headers: ifMatchHeaders },
  responses: { 204: { description: 'It is gone.' }, ...refusals({ ...missing, ...conflict }) },
});

function describe(account: Account): z.infer<typeof accountSchema> {
  const { formats, categoryIds, ...rest } = account;
  const standing = standingOf(account, Date.now() / 1000);
  return { ...rest, standing, formats: [...formats], categoryIds: categoryIds && [...categoryIds] };
}

function madeUpPassword(): string {
  return Array.from({ length: GENERATED_CHARS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** Routes about viewers' logins. */
export function accountRoutes(app: DescribedApp, accounts: Accounts): void {
  app.openapi(list, async c => {
    const { items, total } = await accounts.list(c.req.valid('query'));
    return c.json({ items: items.map(describe), total }, 200);
  });

  app.openapi(create, async c => {
    const { password, ...fields } = c.req.valid('json');
    const chosen = password ?? madeUpPassword();
    const account = await accounts.create({ ...fields, password: chosen } as AccountInput);
    const shown = password === undefined ? { password: chosen } : {};
    return c.json({ ...describe(account), ...shown }, 201, { ETag: etagOf(account), 'Cache-Control': 'no-store' });
  });

  app.openapi(get, async c => {
    const account = await accounts.get(c.req.valid('param').id);
    return c.json(describe(account), 200, { ETag: etagOf(account) });
  });

  app.openapi(update, async c => {
    const version = versionFrom(c.req.valid('header')['if-match']);
    const account = await accounts.update(c.req.valid('param').id, c.req.valid('json') as AccountChange, version);
    return c.json(describe(account), 200, { ETag: etagOf(account) });
  });

  app.openapi(remove, async c => {
    await accounts.remove(c.req.valid('param').id, versionFrom(c.req.valid('header')['if-match']));
    return c.body(null, 204);
  });
}
