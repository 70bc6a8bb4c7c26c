import { describe, expect, it } from '@jest/globals';
import { hashPassword, isHashOf, verifyPassword } from '../../../src/auth/password-hash.ts';
import { failureOf } from '../support/waiting.ts';

describe('a password hash', () => {
  it('matches its password and no other', async () => {
    const hash = await hashPassword('correct horse');
    expect(await verifyPassword('correct horse', hash)).toBe(true);
    for (const wrong of ['correct horse ', 'Correct horse', '', 'correct hors'])
      expect({ wrong, matches: await verifyPassword(wrong, hash) }).toEqual({ wrong, matches: false });
  });

  it('differs each time and shows nothing of the password', async () => {
    const [first, second] = await Promise.all([hashPassword('hunter2hunter2'), hashPassword('hunter2hunter2')]);
    expect(first).not.toBe(second);
    expect(first).toMatch(/^scrypt\$ln=15,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/);
    expect(first).not.toContain('hunter2');
  });

  it('takes the two ways to write an accented letter for the same', async () => {
    const hash = await hashPassword('caf\u00e9');
    expect(await verifyPassword('cafe\u0301', hash)).toBe(true);
  });

  it.each([[''], ['secret'], ['bcrypt$a$b'], ['scrypt$'], ['scrypt$c2FsdA$c2hvcnQ'], ['scrypt$c2FsdA']])(
    'that is none (%p) is refused rather than never matched',
    async hash => {
      expect(String(await failureOf(() => verifyPassword('x', hash)))).toContain('not a password hash');
    },
  );

  it('says what it cost, so that a cheaper one is known when more is asked', async () => {
    const cheap = { logN: 8, r: 8, p: 1 };
    const hash = await hashPassword('correct horse', cheap);
    expect(await verifyPassword('correct horse', hash)).toBe(true);
    expect([isHashOf(cheap, hash), isHashOf({ ...cheap, logN: 9 }, hash)]).toEqual([true, false]);
    expect(isHashOf(cheap, 'bcrypt$2b$12$x')).toBe(false);
  });

  it('of the first version, which named no cost, still matches', async () => {
    const hash = (await hashPassword('correct horse')).replace('ln=15,r=8,p=1$', '');
    expect(await verifyPassword('correct horse', hash)).toBe(true);
    expect(await verifyPassword('wrong horse', hash)).toBe(false);
  });

  it('that would take all our memory is refused', async () => {
    const hash = (await hashPassword('x')).replace('ln=15', 'ln=40');
    expect(String(await failureOf(() => verifyPassword('x', hash)))).toContain('not a password hash');
  });
});
