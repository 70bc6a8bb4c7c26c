import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AdminRig } from './admin-rig.ts';

let rig: AdminRig;
beforeEach(() => {
  rig = new AdminRig();
});
afterEach(() => rig.close());

const make = (json: object) => rig.call('POST', '/api/v1/accounts', { json });

describe('the routes of accounts', () => {
  it('make up a password, show it once, and never read one', async () => {
    const made = await make({ username: 'alice' });
    expect(made).toMatchObject({ status: 201, body: { username: 'alice', standing: 'active', version: 1 } });
    expect(made.body.password).toMatch(/^[a-z2-9]{16}$/);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const read = await rig.call('GET', `/api/v1/accounts/${made.body.id}`);
    expect(Object.keys(read.body)).not.toContain('password');
    const { accounts } = rig.accounts;
    expect((await accounts.credentialsOf('alice'))?.hash).toMatch(/^\$scrypt|scrypt/);
  });

  it('do not repeat a password that was chosen', async () => {
    const { body } = await make({ username: 'alice', password: 'chosen-one' });
    expect(JSON.stringify(body)).not.toContain('chosen-one');
  });

  it('list by name in pages, and find by part of a name and by standing', async () => {
    for (const username of ['carol', 'alice', 'bob']) await make({ username, password: 'secret-1' });
    await make({ username: 'dave', password: 'secret-1', status: 'banned' });
    const { body } = await rig.call('GET', '/api/v1/accounts?offset=1&limit=2');
    expect([body.total, body.items.map((item: { username: string }) => item.username)]).toEqual([4, ['bob', 'carol']]);
    expect((await rig.call('GET', '/api/v1/accounts?search=LIC')).body.total).toBe(1);
    expect((await rig.call('GET', '/api/v1/accounts?status=banned')).body.items).toMatchObject([{ username: 'dave' }]);
  });

  it('change only what somebody saw, where they say what that was', async () => {
    const { body, headers } = await make({ username: 'alice', password: 'secret-1' });
    const path = `/api/v1/accounts/${body.id}`;
    const seen = { 'if-match': headers.get('etag')! };
    expect(seen).toEqual({ 'if-match': '"v1"' });
    const changed = await rig.call('PATCH', path, { json: { notes: 'first' }, headers: seen });
    expect(changed).toMatchObject({ status: 200, body: { notes: 'first', version: 2 } });
    expect(changed.headers.get('etag')).toBe('"v2"');
    for (const [method, json] of [
      ['PATCH', { notes: 'second' }],
      ['DELETE', undefined],
    ] as const)
      for (const tag of [seen['if-match'], 'nonsense', '"v99"'])
        expect(await rig.call(method, path, { json, headers: { 'if-match': tag } })).toMatchObject({
          status: 412,
          body: { code: 'version_conflict' },
        });
    expect(await rig.call('PATCH', path, { json: { notes: 'third' } })).toMatchObject({ status: 200 });
    expect(await rig.call('DELETE', path, { headers: { 'if-match': 'W/"v3"' } })).toMatchObject({ status: 204 });
    expect(await rig.call('GET', path)).toMatchObject({ status: 404, body: { code: 'account_not_found' } });
  });

  it('refuse a name that is taken', async () => {
    await make({ username: 'alice' });
    expect(await make({ username: 'alice' })).toMatchObject({ status: 409, body: { code: 'account_exists' } });
  });
});

describe('the routes of sessions', () => {
  it('list who watches, find by account, and end one', async () => {
    rig.sessions.watch({ account: { id: 1 } });
    rig.sessions.watch({ account: { id: 2, username: 'bob' }, channel: 7 });
    const { body } = await rig.call('GET', '/api/v1/sessions?accountId=2');
    expect(body).toMatchObject({ total: 1, items: [{ username: 'bob', channelId: 7 }] });
    const path = `/api/v1/sessions/${body.items[0].id}`;
    expect(await rig.call('GET', path)).toMatchObject({ status: 200, body: { username: 'bob' } });
    expect(await rig.call('DELETE', path)).toMatchObject({ status: 204 });
    expect(await rig.call('DELETE', path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect((await rig.call('GET', '/api/v1/sessions')).body.total).toBe(1);
    expect(await rig.call('GET', '/api/v1/sessions/history')).toMatchObject({ status: 200 });
  });
});

describe('the routes of tokens', () => {
  it('show a secret once, and take it back', async () => {
    const made = await rig.call('POST', '/api/v1/tokens', { json: { name: 'backup', scopes: ['read'] } });
    expect(made).toMatchObject({ status: 201, body: { name: 'backup', secret: expect.stringMatching(/^slc_/) } });
    const listed = await rig.call('GET', '/api/v1/tokens');
    expect(listed.body.items).toMatchObject([{ name: 'backup', scopes: ['read'] }]);
    expect(JSON.stringify(listed.body)).not.toContain(made.body.secret);
    const bearer = made.body.secret as string;
    expect(await rig.call('GET', '/api/v1/accounts', { bearer })).toMatchObject({ status: 200 });
    expect(await rig.call('DELETE', `/api/v1/tokens/${made.body.id}`)).toMatchObject({ status: 204 });
    expect(await rig.call('GET', '/api/v1/accounts', { bearer })).toMatchObject({ status: 401 });
  });
});

describe('the routes of administrators', () => {
  it('make one, change the password, and remove it; no answer has a password', async () => {
    const json = { username: 'bob', password: 'hunter2-hunter2' };
    const made = await rig.call('POST', '/api/v1/admins', { json });
    expect([made.status, Object.keys(made.body).sort()]).toEqual([201, ['createdAt', 'id', 'username']]);
    expect(await rig.call('POST', '/api/v1/admins', { json })).toMatchObject({ status: 409 });
    const path = `/api/v1/admins/${made.body.id}`;
    expect(await rig.call('PUT', `${path}/password`, { json: { password: 'short' } })).toMatchObject({ status: 422 });
    expect(await rig.call('PUT', `${path}/password`, { json: { password: 'long-enough' } })).toMatchObject({
      status: 204,
    });
    expect(await rig.call('DELETE', path)).toMatchObject({ status: 204 });
    expect((await rig.call('GET', '/api/v1/admins')).body.items).toEqual([]);
  });
});
