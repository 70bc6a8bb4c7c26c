import { describe, expect, it } from '@jest/globals';
import { hashPassword, verifyPassword } from '../../../src/auth/password-hash.ts';
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
    expect(first).toMatch(/^scrypt\$[\w-]{22}\$[\w-]{43}$/);
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
});
