import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Hono } from 'hono';
import { AdminLogin } from '../../../src/auth/admin-login.ts';
import { Admins } from '../../../src/auth/admins.ts';
import { HashQueue } from '../../../src/auth/hash-queue.ts';
import { hashPassword } from '../../../src/auth/password-hash.ts';
import { Tokens } from '../../../src/auth/tokens.ts';
import { openDatabase } from '../../../src/catalog/database.ts';
import { LateWrites } from '../../../src/catalog/late-writes.ts';
import type { AppEnv } from '../../../src/http/app-env.ts';
import { requireLogin } from '../../../src/http/middleware/login.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { failureOf } from '../support/waiting.ts';

const PASSWORD = 'correct horse';
const hash = await hashPassword(PASSWORD);

let nowS: number;
let database: ReturnType<typeof openDatabase>;
let late: LateWrites;
let tokens: Tokens;
let admins: Admins;
let login: AdminLogin;

beforeEach(() => {
  nowS = 1_700_000_000;
  database = openDatabase(':memory:');
  late = new LateWrites(database, () => {});
  tokens = new Tokens(database, late, () => nowS);
  admins = new Admins(database, 'admin', new HashQueue(), () => nowS);
  login = new AdminLogin('admin', hash, () => nowS * 1000, admins);
});
afterEach(() => {
  late.close();
  return database.close();
});

describe('a token', () => {
  it('is shown once, and only its digest is kept', async () => {
    const { token, secret } = await tokens.create({ name: 'backup', scopes: ['read', 'read'] });
    expect(secret).toMatch(/^slc_[\w-]{43}$/);
    expect(token).toEqual({
      id: 1,
      name: 'backup',
      scopes: ['read'],
      createdAt: nowS,
      expiresAt: null,
      lastUsedAt: null,
    });
    expect(await tokens.list()).toEqual([token]);
    const stored = JSON.stringify(database.connection.prepare('SELECT * FROM tokens').all());
    expect(stored).not.toContain(secret.slice(4));
    expect(await tokens.verify(secret)).toMatchObject({ id: 1, name: 'backup', scopes: ['read'] });
  });

  it('is nobody else’s: what differs in one sign, or is none, is refused', async () => {
    const { secret } = await tokens.create({ name: 'a', scopes: ['read'] });
    const other = secret.slice(0, -2) + (secret.at(-2) === 'A' ? 'B' : 'A') + secret.at(-1);
    for (const wrong of [other, '', 'slc_', secret.slice(4), `${secret}x`, secret.toUpperCase(), PASSWORD])
      expect(await tokens.verify(wrong)).toBeUndefined();
  });

  it('is worth nothing once it is revoked or has expired', async () => {
    const { secret } = await tokens.create({ name: 'a', scopes: ['read'], expiresAt: nowS + 10 });
    nowS += 9;
    expect(await tokens.verify(secret)).toBeDefined();
    nowS += 1;
    expect(await tokens.verify(secret)).toBeUndefined();
    const b = await tokens.create({ name: 'b', scopes: ['write'] });
    await tokens.revoke(b.token.id);
    expect(await tokens.verify(b.secret)).toBeUndefined();
    expect(await failureOf(() => tokens.revoke(b.token.id))).toMatchObject({ code: 'account_not_found' });
  });

  it('notes its last use once a minute', async () => {
    const { secret } = await tokens.create({ name: 'a', scopes: ['read'] });
    const noted = (): unknown => database.connection.prepare('SELECT last_used_at AS at FROM tokens').get();
    for (const [passedS, expected] of [
      [0, 0],
      [59, 0],
      [1, 60],
    ] as const) {
      nowS += passedS;
      await tokens.verify(secret);
      late.flush();
      expect(noted()).toMatchObject({ at: 1_700_000_000 + expected });
    }
    expect(await tokens.list()).toMatchObject([{ lastUsedAt: 1_700_000_060 }]);
  });

  it.each([
    [{ name: '', scopes: ['read'] }, 'account_invalid'],
    [{ name: 'x', scopes: [] }, 'account_invalid'],
    [{ name: 'x', scopes: ['admin'] }, 'account_invalid'],
    [{ name: 'x', scopes: ['read'], expiresAt: -1 }, 'account_invalid'],
    [{ name: 'taken', scopes: ['read'] }, 'account_exists'],
  ])('cannot be made like %j: %s', async (input, code) => {
    await tokens.create({ name: 'taken', scopes: ['read'] });
    expect(await failureOf(() => tokens.create(input as never))).toMatchObject({ code });
  });
});

describe('further administrators', () => {
  it('log in by name and password, until they are removed', async () => {
    const { id } = await admins.create({ username: 'eve', password: 'eves password' });
    expect(await login.verify('eve', 'eves password', 'x')).toBe(true);
    expect(await login.verify('admin', PASSWORD, 'x')).toBe(true);
    for (const [username, password] of [
      ['eve', PASSWORD],
      ['admin', 'eves password'],
      [undefined, 'eves password'],
      ['mallory', PASSWORD],
    ] as const)
      expect(await login.verify(username, password, 'y')).toBe(false);
    await admins.setPassword(id, 'another password');
    expect(await login.verify('eve', 'eves password', 'x')).toBe(false);
    expect(await login.verify('eve', 'another password', 'x')).toBe(true);
    await admins.remove(id);
    expect(await login.verify('eve', 'another password', 'x')).toBe(false);
    expect(await admins.list()).toEqual([]);
  });

  it('are not remembered when they were removed while their password was checked', async () => {
    const { id } = await admins.create({ username: 'eve', password: 'eves password' });
    const checking = login.verify('eve', 'eves password', 'x');
    await admins.remove(id);
    await checking;
    expect(await login.verify('eve', 'eves password', 'x')).toBe(false);
  });

  it('have names of their own, also apart from the configured one, and long passwords', async () => {
    expect(await admins.create({ username: 'eve', password: 'eves password' })).toEqual({
      id: 1,
      username: 'eve',
      createdAt: nowS,
    });
    for (const username of ['eve', 'admin'])
      expect(await failureOf(() => admins.create({ username, password: 'long enough' }))).toMatchObject({
        code: 'account_exists',
      });
    for (const input of [
      { username: 'a:b', password: 'long enough' },
      { username: 'bob', password: 'short' },
    ])
      expect(await failureOf(() => admins.create(input))).toMatchObject({ code: 'account_invalid' });
    expect(await failureOf(() => admins.setPassword(9, 'long enough'))).toMatchObject({ code: 'account_not_found' });
    expect(await failureOf(() => admins.remove(9))).toMatchObject({ code: 'account_not_found' });
  });
});

describe('the login of /api', () => {
  const app = (): Hono<AppEnv> => {
    const made = new Hono<AppEnv>();
    made.use(async (c, next) => {
      c.set('client', { address: '192.0.2.1', trustworthy: true });
      c.set('loopback', false);
      await next();
    });
    made.use(
      '/api/*',
      requireLogin(login, tokens, path => path === '/api/open'),
    );
    made.all('/api/*', c => c.text(String(c.var.admin)));
    made.onError((error, c) => c.text(SluiceError.from(error).code, SluiceError.from(error).status as 500));
    return made;
  };
  const call = async (path: string, method: string, authorization?: string): Promise<string> => {
    const answer = await app().request(path, { method, ...(authorization && { headers: { authorization } }) });
    return `${answer.status} ${await answer.text()}`.trim();
  };

  it('asks tokens for the scope of the method, and administrators for nothing more', async () => {
    const of = async (...scopes: ('read' | 'write')[]): Promise<string> =>
      `Bearer ${(await tokens.create({ name: scopes.join(), scopes })).secret}`;
    const [read, write, both] = [await of('read'), await of('write'), await of('read', 'write')];
    const basic = `Basic ${btoa(`admin:${PASSWORD}`)}`;
    await call('/api/v1/x', 'GET', basic); // Remembered from now on: only four are hashed at once.
    const outcomes: Record<string, string[]> = {};
    for (const [who, authorization] of Object.entries({ read, write, both, basic }))
      outcomes[who] = await Promise.all(
        ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map(method => call('/api/v1/x', method, authorization)),
      );
    const [ok, no] = ['200 true', '403 scope_missing'];
    expect(outcomes).toEqual({
      read: [ok, '200', no, no, no, no],
      write: [no, '403', ok, ok, ok, ok],
      both: [ok, '200', ok, ok, ok, ok],
      basic: [ok, '200', ok, ok, ok, ok],
    });
  });

  it('lets no token decide over tokens and administrators', async () => {
    const { secret } = await tokens.create({ name: 'all', scopes: ['read', 'write'] });
    for (const path of ['/api/v1/tokens', '/api/v1/tokens/1', '/api/v1/admins', '/api/v1/%74okens'])
      expect([path, await call(path, 'GET', `Bearer ${secret}`)]).toEqual([path, '403 scope_missing']);
    expect(await call('/api/v1/tokensmith', 'GET', `Bearer ${secret}`)).toBe('200 true');
    expect(await call('/api/v1/tokens', 'GET', `Basic ${btoa(`admin:${PASSWORD}`)}`)).toBe('200 true');
  });

  it('refuses a token that is not valid also where none is needed, and does not count it as a guess', async () => {
    const wrong = `Bearer slc_${'A'.repeat(43)}`;
    for (let i = 0; i < 20; i++) expect(await call('/api/open', 'GET', wrong)).toBe('401 login_required');
    expect(await call('/api/open', 'GET')).toBe('200 false');
    expect(await call('/api/x', 'GET', `Basic ${btoa(`admin:${PASSWORD}`)}`)).toBe('200 true');
    const { secret } = await tokens.create({ name: 'a', scopes: ['read'] });
    expect(await call('/api/x', 'GET', `Basic ${btoa(`admin:${secret}`)}`)).toBe('401 login_required');
  });
});
