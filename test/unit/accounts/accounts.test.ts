import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AccountEvent } from '../../../src/accounts/accounts.ts';
import { openDatabase } from '../../../src/catalog/database.ts';
import { failureOf } from '../support/waiting.ts';
import { AccountRig } from './account-rig.ts';

let rig: AccountRig;
beforeEach(() => {
  rig = new AccountRig();
});
afterEach(() => rig.close());

const codeOf = async (action: () => Promise<unknown>): Promise<unknown> =>
  ((await failureOf(action)) as { code?: unknown }).code;

describe('accounts', () => {
  it('have sensible values where none are given', async () => {
    const account = await rig.accounts.create({ username: 'alice', password: 's3cret' });
    expect(account).toEqual({
      id: 1,
      username: 'alice',
      status: 'active',
      expiresAt: null,
      maxConnections: 1,
      isTrial: false,
      formats: ['ts'],
      categoryIds: null,
      notes: '',
      createdAt: rig.nowS,
      lastLoginAt: null,
      version: 1,
    });
    expect(await rig.accounts.get(1)).toEqual(account);
  });

  it('keep everything that is said about them, and never show or store the password itself', async () => {
    const input = {
      username: 'bob.b-1_@home',
      password: 'P.w-_@9',
      status: 'disabled',
      expiresAt: 1_900_000_000,
      maxConnections: 0,
      isTrial: true,
      formats: ['m3u8', 'ts', 'm3u8'],
      categoryIds: [3, 1, 3],
      notes: 'Living room; "quoted" ñ',
    } as const;
    const account = await rig.accounts.create({ ...input, formats: [...input.formats], categoryIds: [3, 1, 3] });
    const { password, ...shown } = input;
    expect(account).toMatchObject({ ...shown, formats: ['m3u8', 'ts'], categoryIds: [3, 1] });
    expect(JSON.stringify([account, rig.hashOf(account.id)])).not.toContain(password);
  });

  it.each([
    [{ username: '' }, 'username'],
    [{ username: 'a b' }, 'username'],
    [{ username: 'a:b' }, 'username'],
    [{ username: 'a/b' }, 'username'],
    [{ username: 'ñ' }, 'username'],
    [{ username: 'a\n' }, 'username'],
    [{ username: 'a'.repeat(65) }, 'username'],
    [{ password: 'abc' }, 'password'],
    [{ password: 'a%20b' }, 'password'],
    [{ password: 'a'.repeat(129) }, 'password'],
    [{ maxConnections: -1 }, 'maxConnections'],
    [{ maxConnections: 1.5 }, 'maxConnections'],
    [{ formats: [] }, 'formats'],
    [{ formats: ['mp4'] }, 'formats.0'],
    [{ status: 'expired' }, 'status'],
    [{ expiresAt: '2030-01-01' }, 'expiresAt'],
    [{ categoryIds: [0] }, 'categoryIds.0'],
    [{ passwordHash: 'x' }, 'passwordHash'],
  ])('cannot be made or changed like %j', async (wrong, field) => {
    const input = { username: 'alice', password: 's3cret', ...wrong } as never;
    expect(await failureOf(() => rig.accounts.create(input))).toMatchObject({
      code: 'account_invalid',
      status: 422,
      message: expect.stringContaining(field),
    });
    const { id } = await rig.accounts.create({ username: 'bob', password: 's3cret' });
    expect(await codeOf(() => rig.accounts.update(id, wrong as never))).toBe('account_invalid');
    expect((await rig.accounts.get(id)).version).toBe(1);
  });

  it('do not repeat a wrong password in the message', async () => {
    const error = await failureOf(() => rig.accounts.create({ username: 'alice', password: 'my secret' }));
    expect(String(error)).not.toContain('my secret');
  });

  it('have names of their own, in exact case', async () => {
    await rig.accounts.create({ username: 'alice', password: 's3cret' });
    expect(await codeOf(() => rig.accounts.create({ username: 'alice', password: 'other' }))).toBe('account_exists');
    const { id } = await rig.accounts.create({ username: 'Alice', password: 's3cret' });
    expect(await codeOf(() => rig.accounts.update(id, { username: 'alice' }))).toBe('account_exists');
    expect((await rig.accounts.get(id)).username).toBe('Alice');
  });

  it('change only what is said, and count their versions', async () => {
    const { id } = await rig.accounts.create({ username: 'alice', password: 's3cret', notes: 'n', maxConnections: 3 });
    const hash = rig.hashOf(id);
    const changed = await rig.accounts.update(id, { status: 'banned', expiresAt: 5 });
    expect(changed).toMatchObject({ status: 'banned', expiresAt: 5, notes: 'n', maxConnections: 3, version: 2 });
    expect(rig.hashOf(id)).toBe(hash);
    expect(await rig.accounts.update(id, { password: 'another' })).toMatchObject({ version: 3 });
    expect(rig.hashOf(id)).not.toBe(hash);
    expect(await rig.accounts.update(id, { expiresAt: null, categoryIds: null })).toMatchObject({ expiresAt: null });
  });

  it('are not changed or removed by whoever saw an older version', async () => {
    const { id } = await rig.accounts.create({ username: 'alice', password: 's3cret' });
    await rig.accounts.update(id, { notes: 'first' }, 1);
    expect(await codeOf(() => rig.accounts.update(id, { notes: 'second' }, 1))).toBe('version_conflict');
    expect(await codeOf(() => rig.accounts.remove(id, 1))).toBe('version_conflict');
    const both = await Promise.allSettled([
      rig.accounts.update(id, { password: 'hashed-meanwhile' }, 2),
      rig.accounts.update(id, { notes: 'faster' }, 2),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await rig.accounts.remove(id, 3);
    expect(await codeOf(() => rig.accounts.get(id))).toBe('account_not_found');
  });

  it('that are not there cannot be read, changed or removed', async () => {
    expect(await codeOf(() => rig.accounts.get(7))).toBe('account_not_found');
    expect(await codeOf(() => rig.accounts.update(7, {}))).toBe('account_not_found');
    expect(await codeOf(() => rig.accounts.remove(7))).toBe('account_not_found');
  });

  it('are found by name, notes and how they stand, page by page', async () => {
    const soon = rig.nowS + 60;
    for (const [username, rest] of [
      ['dora', { notes: '100% sure' }],
      ['alice', { expiresAt: soon }],
      ['carl', { status: 'disabled' }],
      ['bob_1', { notes: 'Family of ALICE' }],
    ] as const)
      await rig.accounts.create({ username, password: 's3cret', ...rest });
    const names = async (query: Parameters<typeof rig.accounts.list>[0]): Promise<unknown> => {
      const { items, total } = await rig.accounts.list(query);
      return [items.map(({ username }) => username).join(' '), total];
    };
    expect(await names({})).toEqual(['alice bob_1 carl dora', 4]);
    expect(await names({ offset: 1, limit: 2 })).toEqual(['bob_1 carl', 4]);
    expect(await names({ search: 'alice' })).toEqual(['alice bob_1', 2]);
    expect(await names({ search: '%' })).toEqual(['dora', 1]);
    expect(await names({ search: '_' })).toEqual(['bob_1', 1]);
    expect(await names({ search: "' or 1=1 --" })).toEqual(['', 0]);
    expect(await names({ status: 'active' })).toEqual(['alice bob_1 dora', 3]);
    expect(await names({ status: 'disabled' })).toEqual(['carl', 1]);
    rig.nowMs += 60_000;
    expect(await names({ status: 'active' })).toEqual(['bob_1 dora', 2]);
    expect(await names({ status: 'expired', search: 'a' })).toEqual(['alice', 1]);
  });

  it('tell at once who changed', async () => {
    const told: AccountEvent[] = [];
    rig.accounts.onChange(event => told.push(event));
    const { id } = await rig.accounts.create({ username: 'alice', password: 's3cret' });
    await rig.accounts.update(id, { username: 'alicia' });
    await rig.accounts.remove(id);
    expect(told.map(({ usernames, account }) => [usernames.join('>'), account?.version])).toEqual([
      ['alice', 1],
      ['alice>alicia', 2],
      ['alicia', undefined],
    ]);
  });
});

describe('notes that may come late', () => {
  it('wait while somebody else writes, and do not hold the thread up', async () => {
    const account = await rig.accounts.create({ username: 'alice', password: 's3cret' });
    const other = openDatabase(rig.file);
    other.connection.exec('BEGIN IMMEDIATE');
    other.connection.exec("UPDATE accounts SET notes = 'imported'");
    rig.accounts.noteLogin(account, rig.hashOf(account.id), undefined);
    const startedMs = performance.now();
    expect(rig.late.flush()).toBe(false);
    // The connection itself would wait for seconds.
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    other.connection.exec('COMMIT');
    await other.close();
    expect(rig.late.flush()).toBe(true);
    expect(await rig.accounts.get(account.id)).toMatchObject({ lastLoginAt: rig.nowS, notes: 'imported', version: 1 });
  });

  it('are given up when the database cannot take them, and that is told', async () => {
    const account = await rig.accounts.create({ username: 'alice', password: 's3cret' });
    rig.database.connection.pragma('query_only = 1');
    rig.accounts.noteLogin(account, '', undefined);
    expect([rig.late.flush(), rig.lost.length, rig.late.flush(), rig.lost.length]).toEqual([true, 1, true, 1]);
    rig.database.connection.pragma('query_only = 0');
  });

  it('never put an old hash over a new password', async () => {
    const account = await rig.accounts.create({ username: 'alice', password: 's3cret' });
    const checked = rig.hashOf(account.id);
    rig.accounts.noteLogin(account, checked, await rig.passwords.hash('s3cret'));
    await rig.accounts.update(account.id, { password: 'changed' });
    const hash = rig.hashOf(account.id);
    rig.late.flush();
    expect(rig.hashOf(account.id)).toBe(hash);
  });
});
