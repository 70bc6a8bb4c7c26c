/** Runs TypeScript tests as ES modules; integration, fault and player tests start the built gateway from dist/. */
const project = (name, extra = {}) => ({
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }] },
  transformIgnorePatterns: ['/node_modules/', '<rootDir>/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/data/'],
  ...extra,
});

export default {
  projects: [project('unit'), project('integration'), project('faults'), project('players')],
  maxWorkers: 2,
  testTimeout: 60_000,
};
