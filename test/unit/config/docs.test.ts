import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configurationMarkdown, exampleEnv } from '../../../src/config/docs.ts';
import { helpText } from '../../../src/config/help.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { OPTIONS, type Option } from '../../../src/config/schema.ts';

const OPTION_LIST: readonly Option[] = Object.values(OPTIONS);
const committed = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');

/** Loads a .env file with this content and an empty environment. */
function loadContent(content: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-config-'));
  try {
    writeFileSync(path.join(folder, '.env'), content);
    return loadConfig({}, { envFile: path.join(folder, '.env') });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the table of keys', () => {
  it('names each key once', () => {
    const names = OPTION_LIST.map(option => option.env);
    expect(new Set(names).size).toBe(names.length);
  });

  it('names each field after its key and the unit of its value', () => {
    for (const [field, { env, kind }] of Object.entries<Option>(OPTIONS)) {
      const expected = env.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const isDuration = kind.unit === 's' || kind.unit === 'ms';
      expect(field).toBe(isDuration ? `${expected.replace(/(Ms|Seconds)$/, '')}Ms` : expected);
    }
  });
});

describe('the help text', () => {
  it('shows the usage and every key with its default, unit and meaning', () => {
    const help = helpText();
    for (const usage of ['sluice ', 'sluice --help', 'sluice --version']) expect(help).toContain(`\n  ${usage}`);
    for (const { env } of OPTION_LIST) expect(help).toMatch(new RegExp(`\n {2}${env}\\b.*\n {6}`));
    for (const { doc } of OPTION_LIST) expect(help).toContain(doc);
    expect(help).toContain('  STALE_CLIENT_TIMEOUT  (seconds, default: 30)\n');
    expect(help).toContain('  FLUSH_BUDGET_MS  (milliseconds, default: 55)\n');
  });
});

describe('the generated files', () => {
  it('docs/configuration.md is up to date (npm run docs)', () => {
    expect(committed('docs/configuration.md')).toBe(configurationMarkdown());
  });

  it('.env.example is up to date (npm run docs)', () => {
    expect(committed('.env.example')).toBe(exampleEnv());
  });

  it('.env.example loads as it is, and with every line uncommented, as the defaults', () => {
    const example = committed('.env.example');
    const defaults = loadConfig({}, { envFile: '/nonexistent' });
    expect(loadContent(example)).toEqual(defaults);
    const { config, notes } = loadContent(example.replace(/^#(?=[A-Z])/gm, ''));
    expect({ config, notes }).toEqual({ config: defaults.config, notes: defaults.notes });
  });
});
