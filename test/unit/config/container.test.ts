import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.ts';
import { OPTIONS } from '../../../src/config/schema.ts';

const at = (name: string) => new URL(`../../../${name}`, import.meta.url);
const read = (name: string) => readFileSync(at(name), 'utf8');

const known: string[] = Object.values(OPTIONS).map(option => option.env);
const dockerfile = read('Dockerfile');

/** The block of one service: everything under its name that is indented further. */
const sluiceService = /^ {2}sluice:\n((?: {4}.*\n|\n)+)/m.exec(read('docker-compose.yml'))?.[1] ?? '';
const composeEnvironment = [...sluiceService.matchAll(/^ {6}([A-Z][A-Z_]*): (.*)$/gm)];

describe('the Dockerfile', () => {
  const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths!.split(' '));

  it('copies what exists and what .dockerignore lets through', () => {
    const allowed = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name]) => name);
    expect(sources).toContain('src');
    expect(sources.filter(source => !existsSync(at(source)))).toEqual([]);
    expect(new Set(sources)).toEqual(new Set(allowed));
  });

  it('sets known keys only', () => {
    const keys = [...dockerfile.matchAll(/^ENV (\w+)=/gm)].map(([, key]) => key!);
    expect(keys).toEqual(['DATA_DIR']);
    expect(known).toEqual(expect.arrayContaining(keys));
  });

  it('asks for health where the gateway listens by default', () => {
    expect(dockerfile).toContain(`process.env.SERVER_PORT || ${OPTIONS.serverPort.default}`);
    expect(dockerfile).toContain(`EXPOSE ${OPTIONS.serverPort.default}\n`);
  });

  it('runs without root', () => {
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM '))).toMatch(/^USER node$/m);
  });
});

describe('docker-compose.yml', () => {
  it('sets known keys only', () => {
    const keys = composeEnvironment.map(([, key]) => key!);
    expect(keys).toContain('ACESTREAM_ENGINES');
    expect(known).toEqual(expect.arrayContaining(keys));
  });

  it('gives an environment that loads, whether or not the host sets what it passes on', () => {
    const onBareHost = Object.fromEntries(
      composeEnvironment.map(([, key, value]) => [key, value!.replace(/\$\{\w+:-(.*)\}/, '$1')]),
    );
    const { config, notes } = loadConfig(onBareHost, { envFile: '/nonexistent' });
    expect(config.engines).toEqual(['http://engine:6878']);
    expect(notes).toEqual([]);
  });

  it('publishes the gateway and not the engine', () => {
    expect(sluiceService).toContain(`- "${OPTIONS.serverPort.default}:${OPTIONS.serverPort.default}"`);
    expect(read('docker-compose.yml').match(/^ {4}ports:/gm)).toHaveLength(1);
  });

  it('leaves a shutdown longer than it may take', () => {
    const grace = Number(/stop_grace_period: (\d+)s/.exec(sluiceService)?.[1]);
    expect(grace).toBeGreaterThan(Number(OPTIONS.shutdownGraceMs.default));
  });
});
