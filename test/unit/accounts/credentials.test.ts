import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { hash as bcryptHash } from 'bcryptjs';
import type { Verdict } from '../../../src/accounts/credentials.ts';
import { THROTTLE_LIMITS } from '../../../src/accounts/throttle.ts';
import { hashPassword } from '../../../src/auth/password-hash.ts';
import { AccountRig, TEST_COST } from './account-rig.ts';

const HOME = '192.0.2.1';
const AWAY = '192.0.2.2';

let rig: AccountRig;
beforeEach(async () => {
  rig = new AccountRig();
  await rig.accounts.create({ username: 'alice', password: 's3cret' });
  rig.hashes.length = 0;
});
afterEach(() => rig.close());

const login = (username = 'alice', password = 's3cret', address = HOME): Promise<Verdict> =>
  rig.credentials.verify(username, password, address);

describe('a login', () => {
  it('is taken with the right password, refused with a wrong one or an unknown name', async () => {
    expect(await login()).toMatchObject({ kind: 'ok', standing: 'active', account: { id: 1, username: 'alice' } });
    for (const [username, password] of [
      ['alice', 's3cre'],
      ['alice', 's3crets'],
      ['alice', ''],
      ['Alice', 's3cret'],
      ['nobody', 's3cret'],
      ['', ''],
      ['al', 'ices3cret'],
      ['alice', `s3cret${'x'.repeat(5_000)}`],
    ] as const) {
      expect([username, await login(username, password)]).toEqual([username, { kind: 'refused' }]);
      rig.nowMs += THROTTLE_LIMITS.windowMs;
    }
  });

  it('does the same work for an unknown name as for a wrong password, and answers at the same time', async () => {
    const costs: unknown[] = [];
    for (const [username, password] of [
      ['alice', 'wrong'],
      ['nobody', 'wrong'],
      ['nobody', 's3cret'],
    ] as const) {
      rig.nowMs += THROTTLE_LIMITS.windowMs;
      const startedMs = rig.nowMs;
      rig.onHash = () => {
        rig.nowMs += 60; // What a hash takes.
      };
      await login(username, password);
      costs.push([rig.hashes.splice(0), rig.nowMs - startedMs]);
    }
    expect(costs).toEqual([
      [['scrypt'], 500],
      [['scrypt'], 500],
      [['scrypt'], 500],
    ]);
  });

  it('answers at the same time where the account has a hash that takes longer', async () => {
    await rig.accounts.moveIn({ username: 'old' }, await bcryptHash('s3cret', 4));
    rig.onHash = () => {
      rig.nowMs += rig.hashes.at(-1) === 'bcrypt' ? 320 : 60;
    };
    const took: number[] = [];
    for (const username of ['old', 'nobody']) {
      const startedMs = rig.nowMs;
      await login(username, 'wrong');
      took.push(rig.nowMs - startedMs);
    }
    expect(took).toEqual([500, 500]);
  });

  it('is not delayed when it is right', async () => {
    await login();
    expect(rig.waits).toEqual([]);
  });

  it('is not hashed again for five minutes, from any address', async () => {
    await login();
    rig.nowMs += 5 * 60_000 - 1;
    for (let i = 0; i < 20; i++) await login('alice', 's3cret', AWAY);
    expect(rig.hashes).toEqual(['scrypt']);
    rig.nowMs += 1;
    expect(await login()).toMatchObject({ kind: 'ok' });
    expect(rig.hashes).toEqual(['scrypt', 'scrypt']);
  });

  it('is hashed once when a player opens several connections at once', async () => {
    const verdicts = await Promise.all(Array.from({ length: 6 }, () => login()));
    expect(verdicts.every(({ kind }) => kind === 'ok')).toBe(true);
    expect(rig.hashes).toHaveLength(1);
    await Promise.all(Array.from({ length: 6 }, () => login('alice', 'wrong')));
    expect(rig.hashes).toHaveLength(2);
  });

  it('tells how the account stands, from one moment to the next', async () => {
    const expiresAt = rig.nowS + 10;
    await rig.accounts.update(1, { expiresAt });
    expect(await login()).toMatchObject({ standing: 'active' });
    rig.nowMs = expiresAt * 1000;
    expect(await login()).toMatchObject({ kind: 'ok', standing: 'expired' });
    await rig.accounts.update(1, { status: 'disabled' });
    expect(await login()).toMatchObject({ kind: 'ok', standing: 'disabled' });
    await rig.accounts.update(1, { status: 'banned' });
    expect(await login()).toMatchObject({ kind: 'ok', standing: 'banned' });
  });

  it('is checked anew as soon as the account changes', async () => {
    await login();
    await rig.accounts.update(1, { password: 'changed' });
    expect(await login()).toEqual({ kind: 'refused' });
    expect(await login('alice', 'changed')).toMatchObject({ kind: 'ok', account: { version: 2 } });
    await rig.accounts.update(1, { username: 'alicia' });
    expect(await login('alice', 'changed')).toEqual({ kind: 'refused' });
    expect(await login('alicia', 'changed')).toMatchObject({ kind: 'ok' });
    await rig.accounts.remove(1);
    expect(await login('alicia', 'changed')).toEqual({ kind: 'refused' });
  });

  it('is judged anew when the account changes while it is being checked', async () => {
    let change: Promise<unknown> | undefined;
    rig.onHash = () => {
      change ??= rig.accounts.update(1, { status: 'banned' });
    };
    expect(await login()).toMatchObject({ standing: 'banned' });
    await change;
    rig.onHash = () => {};
    expect(await login()).toMatchObject({ standing: 'banned', account: { version: 2 } });
  });

  it('is noted in the account', async () => {
    await login();
    rig.late.flush();
    expect(await rig.accounts.get(1)).toMatchObject({ lastLoginAt: rig.nowS, version: 1 });
  });
});

describe('a hash', () => {
  it('of bcrypt, which moved in, is replaced at the first login', async () => {
    const { id } = await rig.accounts.moveIn(
      { username: 'old', maxConnections: 2 },
      await bcryptHash('pass word:ñ', 4),
    );
    expect(await login('old', 'wrong')).toEqual({ kind: 'refused' });
    expect(await login('old', 'pass word:ñ')).toMatchObject({ kind: 'ok' });
    rig.late.flush();
    expect(rig.hashOf(id)).toMatch(/^scrypt\$/);
    rig.nowMs += 10 * 60_000;
    rig.hashes.length = 0;
    expect(await login('old', 'pass word:ñ')).toMatchObject({ kind: 'ok', account: { version: 1 } });
    expect(rig.hashes).toEqual(['scrypt']);
  });

  it('of another cost is replaced at the first login', async () => {
    const cheap = await hashPassword('s3cret', { ...TEST_COST, logN: 3 });
    rig.database.connection.prepare('UPDATE accounts SET password_hash = ?').run(cheap);
    expect(await login()).toMatchObject({ kind: 'ok' });
    rig.late.flush();
    expect(rig.hashOf(1)).toMatch(/^scrypt\$ln=4,/);
  });

  it.each(['secret', '$1$abc$def', '$2b$12$tooshort', ''])('that is none of bcrypt cannot move in: %p', async hash => {
    await expect(rig.accounts.moveIn({ username: 'old' }, hash)).rejects.toMatchObject({ code: 'account_invalid' });
  });
});

describe('guessing', () => {
  const failTimes = async (times: number, username = 'alice', address = HOME): Promise<void> => {
    for (let i = 0; i < times; i++) expect(await login(username, `wrong ${i}`, address)).toEqual({ kind: 'refused' });
  };

  it('is delayed, then refused with a time to come back; then not even the right password is looked at', async () => {
    await failTimes(THROTTLE_LIMITS.maxFailures);
    rig.hashes.length = 0;
    const verdict = await login();
    expect(verdict).toEqual({ kind: 'throttled', retryAfterSeconds: expect.any(Number) });
    expect(rig.hashes).toEqual([]);
    rig.nowMs += (verdict as { retryAfterSeconds: number }).retryAfterSeconds * 1000;
    expect(await login()).toMatchObject({ kind: 'ok' });
  });

  it('at an account does not lock its owner out', async () => {
    for (let i = 0; i < 50; i++) await login('alice', 'wrong', `198.51.100.${i}`);
    rig.waits.length = 0;
    expect(await login('alice', 's3cret', HOME)).toMatchObject({ kind: 'ok' });
    expect(rig.waits).toEqual([THROTTLE_LIMITS.maxDelayMs]);
  });

  it('by somebody in the house does not lock out who was in a moment ago', async () => {
    await login();
    await failTimes(THROTTLE_LIMITS.maxFailures, 'bob');
    expect(await login('bob', 'x')).toMatchObject({ kind: 'throttled' });
    expect(await login()).toMatchObject({ kind: 'ok' });
  });

  it('in parallel gets hardly further than one by one', async () => {
    const guesses = Array.from({ length: 100 }, (_, i) => login('alice', `guess ${i}`));
    const kinds = (await Promise.all(guesses)).map(({ kind }) => kind);
    const looked = kinds.filter(kind => kind === 'refused').length;
    expect(looked).toBeGreaterThanOrEqual(THROTTLE_LIMITS.maxFailures);
    expect(looked).toBeLessThan(THROTTLE_LIMITS.maxFailures + 2);
  });

  it('waits its turn when many passwords are hashed at once, and is refused when too many wait', async () => {
    const many = Array.from({ length: 400 }, (_, i) => login('alice', 'wrong', `198.51.${i >> 8}.${i & 255}`));
    const kinds = (await Promise.all(many)).map(({ kind }) => kind);
    expect(kinds.filter(kind => kind === 'refused').length).toBeGreaterThanOrEqual(256);
    expect(kinds.filter(kind => kind === 'throttled').length).toBeGreaterThan(0);
    rig.nowMs += THROTTLE_LIMITS.windowMs;
    expect(await login()).toMatchObject({ kind: 'ok' });
  });

  it('is told once when it is refused, with the name only of an account that exists', async () => {
    await login();
    await login();
    await failTimes(1, 'alice');
    await failTimes(THROTTLE_LIMITS.maxFailures - 1, 'hunter2');
    await login('bob');
    await login('bob');
    const told = rig.logins.map(({ result, username, worthALine }) => `${result} ${username} ${worthALine}`);
    expect([...new Set(told)]).toEqual([
      'ok alice true',
      'remembered alice false',
      'refused alice true',
      'refused undefined true',
      'throttled undefined true',
      'throttled undefined false',
    ]);
    expect(JSON.stringify(rig.logins)).not.toContain('s3cret');
  });
});
