import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AdminRig } from './admin-rig.ts';

let rig: AdminRig;
beforeEach(() => {
  rig = new AdminRig();
});
afterEach(() => rig.close());

/** Every route of the whole app under /api, with something in the place of each parameter. */
function apiRoutes(): [method: string, path: string][] {
  const found = rig.app.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/'));
  return found.map(({ method, path }) => [method, path.replace(/:\w+(\{[^}]*\})?/g, '1')]);
}

describe('every route under /api', () => {
  it('takes a login, except two that are read on the machine itself', async () => {
    const routes = apiRoutes();
    expect(routes.length).toBeGreaterThan(20);
    for (const [method, path] of routes) {
      const { status, headers } = await rig.call(method, path, { bearer: null, from: '192.0.2.1' });
      expect([method, path, status]).toEqual([method, path, 401]);
      expect(headers.get('www-authenticate')).toMatch(/^Basic /);
    }
  });

  it('changes nothing for a token that may only read, and reads nothing for one that may only write', async () => {
    const reader = await rig.tokens.create({ name: 'reader', scopes: ['read'] });
    const writer = await rig.tokens.create({ name: 'writer', scopes: ['write'] });
    for (const [method, path] of apiRoutes()) {
      const { secret } = method === 'GET' ? writer : reader;
      const { status } = await rig.call(method, path, { bearer: secret, json: method === 'GET' ? undefined : {} });
      expect([method, path, status]).toEqual([method, path, 403]);
    }
  });

  it('about tokens is closed to tokens', async () => {
    const { secret } = await rig.tokens.create({ name: 'all', scopes: ['read', 'write'] });
    expect(await rig.call('GET', '/api/v1/accounts', { bearer: secret })).toMatchObject({ status: 200 });
    expect(await rig.call('GET', '/api/v1/tokens', { bearer: secret })).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it('refuses what a page of another site makes a browser ask for', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect(await rig.call('DELETE', '/api/v1/accounts/1', { headers })).toMatchObject({
      status: 403,
      body: { code: 'cross_site' },
    });
    expect(await rig.call('GET', '/api/v1/accounts', { headers })).toMatchObject({ status: 200 });
  });
});

describe('a refusal', () => {
  it('names every field that is wrong, and none of their values', async () => {
    const json = { username: 'not allowed', status: 'asleep', passwort: 'hunter2' };
    const { status, body } = await rig.call('POST', '/api/v1/accounts', { json });
    expect(status).toBe(422);
    const { errors } = body as { errors: { field: string }[] };
    expect(errors.map(({ field }) => field).sort()).toEqual(['body.passwort', 'body.status', 'body.username']);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  it.each([
    ['{', 'application/json', 400, 'request_malformed'],
    ['username=alice', 'application/x-www-form-urlencoded', 415, 'request_unsupported'],
    [`{"notes":"${'x'.repeat(1_100_000)}"}`, 'application/json', 413, 'request_too_large'],
  ])('of a body that can not be read says why: %#', async (json, type, status, code) => {
    const headers = { 'content-type': type, 'content-length': String(json.length) };
    expect(await rig.call('POST', '/api/v1/accounts', { json, headers })).toMatchObject({ status, body: { code } });
  });

  it.each(['limit=0', 'limit=501', 'offset=-1', 'limit=x', 'serach=alice'])('comes for the query %s', async query => {
    expect(await rig.call('GET', `/api/v1/accounts?${query}`)).toMatchObject({
      status: 422,
      body: { errors: [{ field: `query.${query.split('=')[0]}` }] },
    });
  });

  it('of an unknown path below /api/v1 is a problem, elsewhere what the original answers with', async () => {
    expect(await rig.call('GET', '/api/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await rig.call('GET', '/api/nothing')).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
  });
});

describe('the description', () => {
  it('is OpenAPI 3.1, and has every route of /api/v1 with a summary, a tag and examples of refusals', async () => {
    const { body } = await rig.call('GET', '/api/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    const described = Object.entries(body.paths as Record<string, Record<string, never>>).flatMap(([path, item]) =>
      Object.keys(item).map(method => `${method.toUpperCase()} ${path}`),
    );
    const registered = rig.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/v1/'))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect(described.sort()).toEqual([...new Set(registered)].sort());
    for (const item of Object.values(body.paths as Record<string, Record<string, never>>))
      for (const operation of Object.values(item)) {
        expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] });
        expect(operation).toHaveProperty(['responses', '401', 'content', 'application/problem+json', 'examples']);
      }
  });

  it('refers only to schemas that it has', async () => {
    const { body } = await rig.call('GET', '/api/openapi.json');
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name] of references) expect(body.components.schemas).toHaveProperty(name!);
  });

  it('is a page without scripts, which loads nothing', async () => {
    const { status, headers, body } = await rig.call('GET', '/api/docs');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(body).toContain('<code>POST /api/v1/accounts</code>');
    expect(body).not.toMatch(/<script|<link|<img|\[object|undefined/);
    const anchors = new Set([...String(body).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const targets = [...String(body).matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(targets.filter(target => !anchors.has(target))).toEqual([]);
  });
});
