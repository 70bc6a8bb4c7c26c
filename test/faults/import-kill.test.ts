import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase } from '../../src/catalog/database.ts';
import { bigList } from '../helpers/lists.ts';
import { within } from '../helpers/until.ts';

const CHANNELS = 20_000;
const KILLS = 12;
const POOL = new URL('../../dist/src/jobs/cpu-pool.js', import.meta.url).href;

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-kill-'));
const at = (name: string): string => path.join(folder, name);

/** The job in a process of its own, which says what it is doing. */
const PROGRAM = `
  const { CpuPool } = await import(${JSON.stringify(POOL)});
  const pool = new CpuPool();
  const request = { database: process.argv[1], importId: 1, runId: Number(process.argv[2]), userAgent: 'test', folder: ${JSON.stringify(folder)} };
  const answer = await pool.run('import', request, { onProgress: ({ phase }) => process.stdout.write(phase + '\\n') });
  process.stdout.write(answer.state + '\\n');
  await pool.close();
`;

/** Runs an import. @param killAfter how long after it began to write it is killed; undefined lets it finish */
async function runImport(database: string, runId: number, killAfter?: number): Promise<{ writingMs: number }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, database, String(runId)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise<void>(resolve => child.on('close', () => resolve()));
  let said = '';
  let writingSinceMs = 0;
  let writingMs = 0;
  child.stdout.on('data', async (chunk: Buffer) => {
    said += chunk.toString();
    if (/applying/.test(said) && writingSinceMs === 0) {
      writingSinceMs = performance.now();
      if (killAfter === undefined) return;
      await delay(killAfter);
      child.kill('SIGKILL');
    } else if (/done/.test(said)) writingMs = performance.now() - writingSinceMs;
  });
  await within('the job to end', closed, 60_000);
  return { writingMs };
}

/** Everything that viewers would notice. */
async function fingerprint(file: string): Promise<string> {
  const { connection, close } = openDatabase(file);
  try {
    expect(connection.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    const rows = connection
      .prepare(
        `SELECT channels.id, channels.name, channels.enabled, category_id, sources.rank, sources.value
         FROM channels LEFT JOIN sources ON sources.channel_id = channels.id ORDER BY channels.id, sources.rank`,
      )
      .raw()
      .all();
    return createHash('sha1').update(JSON.stringify(rows)).digest('hex');
  } finally {
    await close();
  }
}

function writeList(seed: string, channels: number): void {
  writeFileSync(at('list.m3u'), bigList(channels, seed));
}

beforeAll(async () => {
  const { connection, close } = openDatabase(at('old.db'));
  connection.exec(`
    INSERT INTO imports (kind, name, url, interval_s) VALUES ('m3u', 'list', 'list.m3u', 60);
    INSERT INTO import_runs (import_id, started_at, state) VALUES (1, 0, 'running'), (1, 0, 'running');
  `);
  await close();
  writeList('', CHANNELS);
  await runImport(at('old.db'), 1);
  const { connection: again, close: closeAgain } = openDatabase(at('old.db'));
  again.pragma('wal_checkpoint(TRUNCATE)');
  await closeAgain();
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('an import whose process is killed', () => {
  it('leaves the old catalogue or the new one, never a mix', async () => {
    writeList('new', CHANNELS + 2_000);
    copyFileSync(at('old.db'), at('new.db'));
    const { writingMs } = await runImport(at('new.db'), 2);
    const [old, fresh] = [await fingerprint(at('old.db')), await fingerprint(at('new.db'))];
    expect(fresh).not.toBe(old);
    const left = { old: 0, fresh: 0 };
    for (let kill = 0; kill < KILLS; kill++) {
      const file = at(`killed-${kill}.db`);
      copyFileSync(at('old.db'), file);
      await runImport(file, 2, (writingMs * 1.2 * kill) / (KILLS - 1));
      const found = await fingerprint(file);
      expect([old, fresh]).toContain(found);
      left[found === old ? 'old' : 'fresh']++;
    }
    console.error(`killed ${KILLS} times within ${Math.round(writingMs)} ms of writing: ${JSON.stringify(left)}`);
    expect(left.old).toBeGreaterThan(0);
  }, 180_000);
});
