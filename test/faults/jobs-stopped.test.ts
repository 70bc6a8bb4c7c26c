import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase } from '../../src/catalog/database.ts';
import { bigList } from '../helpers/lists.ts';
import { run } from '../helpers/run.ts';
import { within } from '../helpers/until.ts';
import { at, NOW_S, READING } from '../unit/support/guide-rig.ts';
import { programmeXml, tv } from '../unit/support/xmltv.ts';

const POOL = new URL('../../dist/src/jobs/cpu-pool.js', import.meta.url).href;
const ROUNDS = 25;
const CHANNELS = 4_000;

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-stopped-'));
const database = path.join(folder, 'test.db');
const options = { ...READING, folder };

/** Every job that can be stopped, by the name of its file and what it is asked. */
const JOBS = [
  ['import', { database, importId: 1, userAgent: 'test', folder }],
  ['import', { database, importId: 1, runId: 1, userAgent: 'test', folder }],
  ['guide', { type: 'preview', place: path.join(folder, 'guide.xml'), nowS: NOW_S, options }],
  ['guide', { type: 'import', database, sourceId: 1, nowS: NOW_S, options }],
  ['guide', { type: 'match', database, sourceOrder: [1], nowS: NOW_S }],
  [
    'guide',
    {
      type: 'export',
      database,
      selection: 'all',
      fromS: NOW_S,
      toS: NOW_S + 86_400,
      path: path.join(folder, 'out', 'guide'),
    },
  ],
] as const;

/** A guide of some channels that are in the list. */
function guideOf(version: number): string {
  return tv(
    ...Array.from({ length: 20_000 }, (_, index) => {
      const hour = Math.floor(index / 500);
      return programmeXml(`c${index % 500}.es`, at(hour), at(hour + 1), `Programme ${index} of ${version}`);
    }),
  );
}

/**
 * A process that lets each job run once, and then stops it again and again, each time a bit later, with another list
 * and guide to read each time. At last it closes the pool over the head of a running job. It says how many it stopped.
 */
const PROGRAM = `
  import { copyFileSync } from 'node:fs';
  import { setTimeout as delay } from 'node:timers/promises';
  process.chdir(${JSON.stringify(folder)});
  const { CpuPool } = await import(${JSON.stringify(POOL)});
  const pool = new CpuPool();
  let stopped = 0;
  const start = (name, request, version, signal) => {
    copyFileSync(version + '.m3u', 'list.m3u');
    copyFileSync(version + '.xml', 'guide.xml');
    return pool.run(name, request, { signal }).catch(error => {
      if (error.name !== 'AbortError') throw error;
      stopped++;
    });
  };
  for (const [name, request] of ${JSON.stringify(JOBS)}) {
    const beganMs = performance.now();
    await start(name, request, 0);
    const wholeMs = performance.now() - beganMs;
    for (let round = 0; round < ${ROUNDS}; round++) {
      const stop = new AbortController();
      const outcome = start(name, request, 1 - (round % 2), stop.signal);
      await delay((wholeMs * round) / ${ROUNDS});
      stop.abort();
      await outcome;
    }
  }
  const outcome = start('import', ${JSON.stringify(JOBS[1][1])}, 1);
  await delay(50);
  await pool.close();
  await outcome;
  process.stdout.write(String(stopped));
`;

beforeAll(async () => {
  for (const version of [0, 1]) {
    writeFileSync(path.join(folder, `${version}.m3u`), bigList(CHANNELS, `${version}`));
    writeFileSync(path.join(folder, `${version}.xml`), guideOf(version));
  }
  const { connection, close } = openDatabase(database);
  connection.exec(`
    INSERT INTO imports (kind, name, url, interval_s) VALUES ('m3u', 'list', 'list.m3u', 60);
    INSERT INTO import_runs (import_id, started_at, state) VALUES (1, 0, 'running');
    INSERT INTO guide_sources (name, url, interval_s) VALUES ('guide', '${path.join(folder, 'guide.xml')}', 86400);
  `);
  await close();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('jobs that are stopped', () => {
  it('end by themselves, whatever they are at, and take neither the process nor the database along', async () => {
    const { code, stdout, complaints } = await within(
      'the jobs to have been stopped',
      run(process.execPath, ['--input-type=module', '-e', PROGRAM], 120_000),
      130_000,
    );
    expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
    expect(Number(stdout)).toBeGreaterThan(ROUNDS);
    const { connection, close } = openDatabase(database);
    expect(connection.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(connection.prepare('SELECT COUNT(*) FROM channels WHERE enabled').pluck().all()).toEqual([CHANNELS]);
    await close();
    expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([]);
  }, 150_000);
});
