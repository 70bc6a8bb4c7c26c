import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AdminLogin, adminPasswordHash } from '../../../src/auth/admin-login.ts';
import { hashPassword, verifyPassword } from '../../../src/auth/password-hash.ts';
import { failureOf } from '../support/waiting.ts';

const PASSWORD = 'correct horse';
const HERE = '192.0.2.1';
const THERE = '192.0.2.2';

let hash: string;
let nowMs: number;
let login: AdminLogin;

beforeAll(async () => {
  hash = await hashPassword(PASSWORD);
});
beforeEach(() => {
  nowMs = 1_000;
  login = new AdminLogin('admin', hash, () => nowMs);
});

/** Fails in groups of as many as may be hashed at once. */
async function failTimes(times: number): Promise<void> {
  for (let done = 0; done < times; done += 4) {
    const group = Array.from({ length: Math.min(4, times - done) }, (_, i) => `wrong ${done + i}`);
    const outcomes = await Promise.all(group.map(password => login.verify('admin', password, HERE)));
    expect(outcomes).toEqual(group.map(() => false));
  }
}

describe("the administrator's login", () => {
  it('takes the right name and password (basic), or the right password alone (bearer)', async () => {
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
    expect(await login.verify(undefined, PASSWORD, HERE)).toBe(true);
  });

  it.each([
    ['admin', 'wrong'],
    ['Admin', PASSWORD],
    ['', PASSWORD],
    [undefined, 'wrong'],
    [undefined, ''],
    [PASSWORD, 'admin'],
    ['undefined', PASSWORD],
    ['null', PASSWORD],
  ])('refuses %p with %p', async (username, password) => {
    expect(await login.verify(username, password, HERE)).toBe(false);
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
    expect(await login.verify(username, password, HERE)).toBe(false);
  });

  it('does not take a name for another one, or for none, because that was verified before', async () => {
    expect(await login.verify(undefined, PASSWORD, HERE)).toBe(true);
    for (const username of ['undefined', 'null', '', '\0'])
      expect(await login.verify(username, PASSWORD, HERE)).toBe(false);
    const odd = new AdminLogin('a\0b', await hashPassword('c\0d'), () => nowMs);
    expect(await odd.verify('a\0b', 'c\0d', HERE)).toBe(true);
    expect(await odd.verify('a', 'b\0c\0d', HERE)).toBe(false);
  });

  it('does not hash again for some minutes what it verified, from any address', async () => {
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
    nowMs += 5 * 60_000 - 1;
    // More at once than may be hashed at once.
    const many = Array.from({ length: 50 }, () => login.verify('admin', PASSWORD, THERE));
    expect(await Promise.all(many)).toEqual(Array(50).fill(true));
  });

  it('checks anew once that time is over', async () => {
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
    nowMs += 5 * 60_000;
    const many = Array.from({ length: 5 }, () => login.verify('admin', PASSWORD, HERE).catch(error => error.code));
    expect(await Promise.all(many)).toEqual([true, true, true, true, 'login_throttled']);
  });

  it('remembers nothing that failed', async () => {
    await failTimes(1);
    expect(await login.verify('admin', 'wrong 0', HERE)).toBe(false);
  });

  it('throttles an address after ten failures, the right password included, and no other address', async () => {
    await failTimes(10);
    expect(await failureOf(() => login.verify('admin', PASSWORD, HERE))).toMatchObject({ code: 'login_throttled' });
    expect(await failureOf(() => login.verify('admin', 'wrong', HERE))).toMatchObject({ code: 'login_throttled' });
    expect(await login.verify('admin', PASSWORD, THERE)).toBe(true);
  });

  it('lets a throttled address in whose credentials were verified before', async () => {
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
    await failTimes(10);
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
  });

  it('lets an address try again a minute after its first failure', async () => {
    await failTimes(9);
    nowMs += 59_999;
    await failTimes(1);
    expect(await failureOf(() => login.verify('admin', PASSWORD, HERE))).toMatchObject({ code: 'login_throttled' });
    nowMs += 1;
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
  });

  it('forgets the failures of an address that got in', async () => {
    await failTimes(9);
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
    await failTimes(9);
    nowMs += 5 * 60_000;
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
  });

  it('hashes few guesses at once, from however many addresses they come', async () => {
    const guesses = Array.from({ length: 20 }, (_, i) =>
      login.verify('admin', `guess ${i}`, `192.0.2.${i}`).catch((error: { code: string }) => error.code),
    );
    const outcomes = await Promise.all(guesses);
    expect(outcomes.filter(outcome => outcome === false)).toHaveLength(4);
    expect(outcomes.filter(outcome => outcome === 'login_throttled')).toHaveLength(16);
    expect(await login.verify('admin', PASSWORD, HERE)).toBe(true);
  });
});

describe('the password to check against', () => {
  let dir: string;
  let shown: string[];
  const show = (password: string): void => void shown.push(password);

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'sluice-unit-'));
    shown = [];
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('is the configured one, and nothing is written or shown', async () => {
    expect(await verifyPassword('configured', await adminPasswordHash('configured', dir, show))).toBe(true);
    expect([await readdir(dir), shown]).toEqual([[], []]);
  });

  it('is made up once, shown once, and kept hashed for the owner alone', async () => {
    const data = path.join(dir, 'deep', 'data');
    const made = await adminPasswordHash(undefined, data, show);
    expect(shown).toHaveLength(1);
    expect(shown[0]!.length).toBeGreaterThanOrEqual(16);
    expect(await verifyPassword(shown[0]!, made)).toBe(true);
    const files = await readdir(data);
    expect(files).toHaveLength(1);
    const file = path.join(data, files[0]!);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).not.toContain(shown[0]!);
  });

  it('survives a restart', async () => {
    const first = await adminPasswordHash(undefined, dir, show);
    const second = await adminPasswordHash(undefined, dir, show);
    expect(second).toBe(first);
    expect(shown).toHaveLength(1);
    expect(await verifyPassword(shown[0]!, second)).toBe(true);
  });

  it('differs between installations', async () => {
    await adminPasswordHash(undefined, path.join(dir, 'a'), show);
    await adminPasswordHash(undefined, path.join(dir, 'b'), show);
    expect(new Set(shown).size).toBe(2);
  });

  it('is not made up anew when the file is there but cannot be read', async () => {
    await writeFile(path.join(dir, 'plain'), '');
    const error = await failureOf(() => adminPasswordHash(undefined, path.join(dir, 'plain'), show));
    expect(error).toMatchObject({ code: 'ENOTDIR' });
    expect(shown).toEqual([]);
  });
});
