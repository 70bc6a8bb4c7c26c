import path from 'node:path';
import { expect, it } from '@jest/globals';
import { databasePath } from '../../../src/catalog/database-path.ts';

it.each([
  [undefined, path.resolve('data', 'sluice.db')],
  ['sqlite:///here.db', path.resolve('here.db')],
  ['sqlite:////var/there.db', '/var/there.db'],
  ['sqlite:plain.db', path.resolve('plain.db')],
])('the database of %s is the file %s', (url, file) => {
  expect(databasePath(url, 'data')).toBe(file);
});

it('a database in memory is refused', () => {
  expect(() => databasePath('sqlite:///:memory:', 'data')).toThrow(/must name a file/);
});
