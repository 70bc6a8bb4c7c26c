import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SHARD_TRANSITIONS } from '../../src/cluster/shard-handle.ts';
import { OPTIONS } from '../../src/config/schema.ts';
import { BREAKER_TRANSITIONS } from '../../src/engine/breaker.ts';
import { ERROR_CODES, SluiceError } from '../../src/shared/errors.ts';
import { DETACH_REASONS } from '../../src/shared/protocol.ts';
import type { Transitions } from '../../src/shared/state-machine.ts';
import { READER_TRANSITIONS } from '../../workers/shard/reader.ts';
import { STREAM_TRANSITIONS } from '../../workers/shard/stream.ts';

const ROOT = process.cwd();
const NOT_OURS = new Set(['node_modules', 'dist', 'data', 'coverage', '.git']);
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** Every Markdown file of the project, as a path from its root. */
function markdownFiles(folder = ''): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory())
      return NOT_OURS.has(entry.name) || name === 'benchmarks/results' ? [] : markdownFiles(name);
    return name.endsWith('.md') ? [name] : [];
  });
}

const PAGES = markdownFiles();

/** A page without its blocks of code. */
const withoutBlocks = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '');

/** The part of a page under one heading. */
function section(file: string, heading: string): string {
  const [, part] = read(file).split(new RegExp(`^## ${heading}$`, 'm'));
  return part?.split(/^## /m)[0] ?? '';
}

/** Cells of every row of the tables in a text whose first cell is code. */
function codeRows(text: string): string[][] {
  return [...text.matchAll(/^\| (`.*) \|$/gm)].map(([, row]) => row!.split(' | ').map(cell => cell.trim()));
}

/** The words in code of a table cell. */
const codeWords = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, word]) => word!);

/** The anchors of a page's headings, as hosts of repositories make them. */
function anchors(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What is wrong with the relative links and images of a page. */
function brokenLinks(page: string): string[] {
  const prose = withoutBlocks(read(page)).replace(/`[^`\n]*`/g, '');
  const broken: string[] = [];
  for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target!)) continue;
    const [file, anchor] = target!.split('#');
    const found = file === '' ? page : path.posix.join(path.posix.dirname(page), file!);
    if (!existsSync(path.join(ROOT, found))) broken.push(`${page}: ${target}`);
    else if (anchor !== undefined && !anchors(read(found)).includes(anchor))
      broken.push(`${page}: ${target} (no such heading)`);
  }
  return broken;
}

describe('the pages', () => {
  it('are found', () => {
    expect(PAGES).toEqual(
      expect.arrayContaining(['README.md', 'docs/errors.md', 'docs/adr/0001-borrowed-descriptors.md']),
    );
  });

  it('link to files and headings that exist', () => {
    expect(PAGES.flatMap(brokenLinks)).toEqual([]);
  });

  it('name files and folders that exist', () => {
    const ours = /`((?:src|workers|test|docs|scripts|bin|\.ci)\/[\w./-]*)`/g;
    const named = PAGES.flatMap(page => [...read(page).matchAll(ours)].map(([, file]) => ({ page, file: file! })));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ file }) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  it('name commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = PAGES.flatMap(page => [...read(page).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)]);
    expect(named.length).toBeGreaterThan(10);
    expect(named.map(([, script, short]) => script ?? short!).filter(script => !(script in scripts))).toEqual([]);
  });

  it('name keys of the configuration that exist', () => {
    const keys = new Set<string>(Object.values(OPTIONS).map(({ env }) => env));
    const ours =
      /^(SERVER|DATA|TRUSTED|HTTP|SHUTDOWN|LOG|ADMIN|ACE|ACESTREAM|START|ENGINE|STALE|FLUSH|MAX|ALLOW)_[A-Z_]+$/;
    const named = PAGES.flatMap(page =>
      [...read(page).matchAll(/`([A-Z][A-Z_]+)(?:=[^`]*)?`/g)].map(([, key]) => key!),
    );
    expect(named.filter(key => ours.test(key) && !keys.has(key))).toEqual([]);
  });

  it('have no tabs and no space at the end of a line', () => {
    expect(PAGES.filter(page => /\t|[ ]+$/m.test(read(page)))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const documented = codeRows(read('docs/errors.md')).map(([code, status, retry]) => [
    codeWords(code)[0],
    status,
    retry,
  ]);

  it('lists every code once, with its status and when to try again', () => {
    const expected = ERROR_CODES.map(code => {
      const { status, retryAfterSeconds } = new SluiceError(code, '');
      return [code, String(status), retryAfterSeconds === 0 ? '–' : `${retryAfterSeconds} s`];
    });
    expect(documented.sort()).toEqual(expected.sort());
  });
});

describe('docs/metrics.md', () => {
  const source = ['metrics', 'observed'].map(name => read(`src/observability/${name}.ts`)).join('\n');
  const names = new Set([...source.matchAll(/'(sluice_\w+)'/g)].map(([name]) => name.slice(1, -1)));

  it('lists every metric once', () => {
    const listed = codeRows(read('docs/metrics.md')).map(([name]) => codeWords(name)[0]!);
    expect(listed.sort()).toEqual([...names].sort());
  });

  it('and the other pages name no metric that does not exist', () => {
    const named = PAGES.flatMap(page => [...read(page).matchAll(/\bsluice_\w+/g)].map(([name]) => name));
    expect(named.filter(name => !names.has(name) && !names.has(name.replace(/_(bucket|sum|count)$/, '')))).toEqual([]);
  });
});

describe('docs/lifecycle.md', () => {
  const tables: readonly (readonly [string, Transitions<string, string>])[] = [
    ['Stream', STREAM_TRANSITIONS],
    ['ShardHandle', SHARD_TRANSITIONS],
    ['Reader', READER_TRANSITIONS],
    ['Breaker', BREAKER_TRANSITIONS],
  ];

  it.each(tables)('draws exactly the transitions of %s, and tells every event', (name, table) => {
    const text = section('docs/lifecycle.md', name);
    const drawn = [...text.matchAll(/^ {4}(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, event]) => ({
      from,
      to,
      event,
    }));
    const expected = Object.entries(table).flatMap(([from, row]) =>
      Object.entries(row).map(([event, to]) => ({ from, to, event })),
    );
    const inOrder = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect(drawn.sort(inOrder)).toEqual(expected.sort(inOrder));
    const told = [...text.matchAll(/^\| (\w+) +\|/gm)].map(([, event]) => event!).filter(event => event !== 'event');
    expect(told.sort()).toEqual([...new Set(expected.map(({ event }) => event))].sort());
  });

  it('explains every reason to leave', () => {
    const explained = codeRows(section('docs/lifecycle.md', 'Detach reasons')).map(([reason]) => codeWords(reason)[0]);
    expect(explained).toEqual([...DETACH_REASONS]);
  });
});

describe('docs/dependencies.md', () => {
  it.each([
    ['At run time', 'dependencies'],
    ['For development', 'devDependencies'],
  ])('names under "%s" exactly the %s of package.json', (heading, field) => {
    const wanted = (JSON.parse(read('package.json')) as Record<string, Record<string, string>>)[field]!;
    const named = codeRows(section('docs/dependencies.md', heading)).flatMap(([packages]) => codeWords(packages));
    expect(named.sort()).toEqual(Object.keys(wanted).sort());
  });
});

describe('docs/http-api.md', () => {
  const folder = 'src/http/routes';
  const registered = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map(name => path.posix.join(folder, name.split(path.sep).join('/')))
    .filter(file => statSync(path.join(ROOT, file)).isFile())
    .flatMap(file => [...read(file).matchAll(/\.(get|post|put|patch|delete|options)\(\s*'(\/[^']*)'/g)])
    .map(([, method, route]) => `${method!.toUpperCase()} ${route}`);

  it('has a heading for every route, and for no other', () => {
    const headings = [...read('docs/http-api.md').matchAll(/^### ([A-Z]+ \/.*)$/gm)].map(([, heading]) => heading!);
    expect(registered.length).toBeGreaterThan(5);
    expect(headings.sort()).toEqual([...registered].sort());
  });

  it('agrees with the table in the README', () => {
    const rows = codeRows(section('README.md', 'Routes')).flatMap(([routes]) => codeWords(routes));
    expect(rows.sort()).toEqual(registered.filter(route => !route.startsWith('OPTIONS')).sort());
  });

  it('says for every route who may use it', () => {
    const parts = read('docs/http-api.md').split(/^### /m).slice(1);
    expect(parts.filter(part => !/^Access: /m.test(part)).map(part => part.split('\n')[0])).toEqual([]);
  });
});
