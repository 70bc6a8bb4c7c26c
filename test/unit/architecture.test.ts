import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Import {
  /** Path of the importing file, from the root. */
  file: string;
  /** What is imported: a path from the root, or the name of a package. */
  target: string;
  /** Only types cross: nothing is loaded at run time. */
  typeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.[mc]?[jt]s$/.test(name))
    .map(name => path.posix.join(folder, name.split(path.sep).join('/')));
}

/** Whether every name between the braces is a type. */
function bringsTypesOnly(clause: string): boolean {
  if (/^type\b/.test(clause)) return true;
  const names = clause.match(/^\{([^}]*)\}$/)?.[1];
  if (names === undefined) return false;
  const parts = names
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
  return parts.length > 0 && parts.every(name => /^type\b/.test(name));
}

/** Every import, export-from and dynamic import of a text. */
function importsIn(file: string, text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
  const resolve = (name: string) => (name.startsWith('.') ? path.posix.join(path.posix.dirname(file), name) : name);
  const found: Import[] = [];
  for (const [, clause = '', name] of code.matchAll(/^(?:import|export)\s+(?:([^'";]*?)\s+from\s+)?'([^']+)'/gm))
    found.push({ file, target: resolve(name!), typeOnly: bringsTypesOnly(clause.trim()) });
  for (const [, name] of code.matchAll(/\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]\s*\)/g))
    found.push({ file, target: resolve(name!), typeOnly: false });
  return found;
}

const FILES = [...sourceFiles('src'), ...sourceFiles('workers')];
const IMPORTS = FILES.flatMap(file => importsIn(file, readFileSync(path.join(ROOT, file), 'utf8')));

const isOurs = (target: string): boolean => /^(src|workers|test|benchmarks|scripts)\//.test(target);
const isPackage = (target: string, name: string): boolean => target === name || target.startsWith(`${name}/`);
const show = ({ file, target, typeOnly }: Import): string => `${file} -> ${target}${typeOnly ? ' (types)' : ''}`;

/** Imports that break a rule: those of `from` that reach something that `may` does not allow. */
function offenders(from: RegExp, may: (found: Import) => boolean): string[] {
  const own = IMPORTS.filter(({ file }) => from.test(file));
  expect(own.length).toBeGreaterThan(0);
  return own.filter(found => !may(found)).map(show);
}

/** Files that import a package although they are not the ones that may. */
function strayUsers(name: string, allowed: RegExp, counts: (found: Import) => boolean = () => true): string[] {
  const users = IMPORTS.filter(found => isPackage(found.target, name) && counts(found));
  expect(users.length).toBeGreaterThan(0);
  return users.filter(({ file }) => !allowed.test(file)).map(show);
}

describe('the reader of imports', () => {
  it('sees every way to import, resolves paths, and tells types from values', () => {
    const text = [
      "import a from 'pkg-a';",
      "import type { B } from './b.ts';",
      "import { type C, type D } from '../c.ts';",
      'import {',
      '  type E,',
      '  f,',
      "} from 'pkg/f';",
      "import * as g from 'node:g';",
      "import './side-effect.ts';",
      "export { h } from './h.ts';",
      "export type { I } from './i.ts';",
      "export const j = await import('./j.ts');",
      "// import k from './k.ts';",
      "/** {@link import('./l.ts')} */",
      "export const from = 'm';",
    ].join('\n');
    expect(importsIn('src/x/y.ts', text).map(({ target, typeOnly }) => [target, typeOnly])).toEqual([
      ['pkg-a', false],
      ['src/x/b.ts', true],
      ['src/c.ts', true],
      ['pkg/f', false],
      ['node:g', false],
      ['src/x/side-effect.ts', false],
      ['src/x/h.ts', false],
      ['src/x/i.ts', true],
      ['src/x/j.ts', false],
    ]);
  });

  it('finds the sources, and every path they import exists', () => {
    expect(FILES.length).toBeGreaterThan(40);
    const known = new Set(FILES);
    expect(IMPORTS.filter(({ target }) => isOurs(target) && !known.has(target)).map(show)).toEqual([]);
  });
});

describe('the dependency rule', () => {
  it('src/shared imports nothing else of the project, no package, and nothing that reaches network or files', () => {
    expect(
      offenders(
        /^src\/shared\//,
        ({ target, typeOnly }) =>
          target.startsWith('src/shared/') ||
          target === 'node:crypto' ||
          (target === 'node:worker_threads' && typeOnly),
      ),
    ).toEqual([]);
  });

  it('src never imports workers, which it starts by their address', () => {
    expect(offenders(/^src\//, ({ target }) => !target.startsWith('workers/'))).toEqual([]);
  });

  it('workers/shard imports only src/shared, src/native, src/engine, src/upstream and itself', () => {
    expect(
      offenders(
        /^workers\/shard\//,
        ({ target }) => !isOurs(target) || /^(src\/(shared|native|engine|upstream)|workers\/shard)\//.test(target),
      ),
    ).toEqual([]);
  });

  /** What of src/guide jobs may use: it neither reads nor writes anything. */
  const PURE_GUIDE =
    /^src\/guide\/(guide-job|guide-id|guide-address|matching|channel-name|countries|typo-index|xmltv-time)\.ts$/;

  /** And of src/xtream. */
  const PURE_XTREAM = /^src\/xtream\/(list-kinds|channel-rows|row-table)\.ts$/;

  it('workers/jobs imports only src/shared, src/catalog, src/upstream, src/jobs/job-link, pure files of src/guide and src/xtream, and itself', () => {
    expect(
      offenders(
        /^workers\/jobs\//,
        ({ target }) =>
          !isOurs(target) ||
          /^(src\/(shared|catalog|upstream)|workers\/jobs)\//.test(target) ||
          target === 'src/jobs/job-link.ts' ||
          PURE_GUIDE.test(target) ||
          PURE_XTREAM.test(target),
      ),
    ).toEqual([]);
  });

  it('the pure files of src/guide import only each other, types of src/shared, and what takes paths and addresses apart', () => {
    expect(
      offenders(
        PURE_GUIDE,
        ({ target, typeOnly }) =>
          PURE_GUIDE.test(target) ||
          (target.startsWith('src/shared/') && typeOnly) ||
          target === 'node:path' ||
          target === 'node:url',
      ),
    ).toEqual([]);
  });

  it('src/guide imports only src/shared, src/catalog and itself', () => {
    expect(
      offenders(/^src\/guide\//, ({ target }) => !isOurs(target) || /^src\/(shared|catalog|guide)\//.test(target)),
    ).toEqual([]);
  });

  it('src/catalog imports only src/shared and itself', () => {
    expect(
      offenders(/^src\/catalog\//, ({ target }) => !isOurs(target) || /^src\/(shared|catalog)\//.test(target)),
    ).toEqual([]);
  });

  it('src/upstream imports only src/shared and itself', () => {
    expect(
      offenders(/^src\/upstream\//, ({ target }) => !isOurs(target) || /^src\/(shared|upstream)\//.test(target)),
    ).toEqual([]);
  });

  it('workers/demo imports only src/shared and itself', () => {
    expect(
      offenders(/^workers\/demo\//, ({ target }) => !isOurs(target) || /^(src\/shared|workers\/demo)\//.test(target)),
    ).toEqual([]);
  });

  it('src/xtream imports only src/shared and itself', () => {
    expect(
      offenders(/^src\/xtream\//, ({ target }) => !isOurs(target) || /^src\/(shared|xtream)\//.test(target)),
    ).toEqual([]);
  });

  it('no product code imports tests, benchmarks or scripts', () => {
    expect(offenders(/./, ({ target }) => !/^(test|benchmarks|scripts)\//.test(target))).toEqual([]);
  });

  it.each([
    ['undici', /^src\/(engine|upstream)\//],
    ['hono', /^src\/http\//],
    ['@hono/node-server', /^src\/http\//],
    ['koffi', /^src\/native\//],
    ['bcryptjs', /^workers\/jobs\//],
    ['piscina', /^src\/jobs\//],
    ['libsql', /^src\/catalog\/database(-lock)?\.ts$/],
    ['saxes', /^workers\/jobs\/xmltv\//],
    ['xz-decompress', /^workers\/jobs\/guide\//],
  ])('%s is used only where it belongs: %p', (name, allowed) => {
    expect(strayUsers(name, allowed)).toEqual([]);
  });

  it('threads are handled only by the cluster, the handoff, the demo, the pool of jobs and the entries of workers', () => {
    const allowed = /^(src\/cluster\/|src\/viewers\/handoff\.ts$|src\/demo\/|src\/jobs\/|workers\/[\w-]+\.worker\.ts$)/;
    expect(strayUsers('node:worker_threads', allowed, ({ typeOnly }) => !typeOnly)).toEqual([]);
    expect(strayUsers('node:worker_threads', new RegExp(`${allowed.source}|^src/shared/`))).toEqual([]);
  });

  it('src/http and src/cluster do not know each other', () => {
    expect(offenders(/^src\/http\//, ({ target }) => !target.startsWith('src/cluster/'))).toEqual([]);
    expect(offenders(/^src\/cluster\//, ({ target }) => !target.startsWith('src/http/'))).toEqual([]);
  });

  it('the folders of src import each other in one direction only', () => {
    const folderOf = (file: string): string | undefined => file.match(/^src\/([^/]+)\//)?.[1];
    const edges = new Map<string, Set<string>>();
    for (const { file, target } of IMPORTS) {
      const [from, to] = [folderOf(file), folderOf(target)];
      if (from === undefined || to === undefined || from === to) continue;
      edges.set(from, (edges.get(from) ?? new Set()).add(to));
    }
    const cycles: string[] = [];
    const visit = (folder: string, way: readonly string[]): void => {
      if (way.includes(folder)) {
        if (way[0] === folder) cycles.push([...way, folder].join(' -> '));
        return;
      }
      for (const next of edges.get(folder) ?? []) visit(next, [...way, folder]);
    };
    for (const folder of edges.keys()) visit(folder, []);
    expect(edges.size).toBeGreaterThan(3);
    expect(cycles).toEqual([]);
  });
});
