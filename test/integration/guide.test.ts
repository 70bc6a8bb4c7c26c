import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Database, openDatabase } from '../../src/catalog/database.ts';
import type { ImportAnswer, ImportRequest, Settled } from '../../src/guide/guide-job.ts';
import type * as CpuPoolModule from '../../src/jobs/cpu-pool.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { run } from '../helpers/run.ts';
import { until, within } from '../helpers/until.ts';
import { type OriginAnswer, ScriptedOrigin } from '../unit/support/scripted-origin.ts';
import { programmeXml, tv } from '../unit/support/xmltv.ts';

/** Threads run from the built output. */
const { CpuPool } = (await import('../../dist/src/jobs/cpu-pool.js' as string)) as typeof CpuPoolModule;
const POOL = path.resolve('dist/src/jobs/cpu-pool.js');

const NOW_S = Math.floor(Date.now() / 1000);
const stamp = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().replace(/[-T:]/g, '').slice(0, 14)} +0000`;

/** A guide of `channels` channels, a programme each half hour from now on, with texts that say which version it is. */
function guideOf(channels: number, perChannel: number, version: string, descriptionChars = 20): string {
  const description = `<desc>${'x'.repeat(descriptionChars)}</desc>`;
  return tv(
    ...Array.from(
      { length: channels },
      (_, channel) => `<channel id="c${channel}.es"><display-name>C ${channel}</display-name></channel>`,
    ),
    ...Array.from({ length: channels * perChannel }, (_, index) => {
      const start = NOW_S + Math.floor(index / channels) * 1800;
      return programmeXml(
        `c${index % channels}.es`,
        stamp(start),
        stamp(start + 1800),
        `${version} ${index}`,
        description,
      );
    }),
  );
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-guide-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function importRequest(database: string, sourceId: number): ImportRequest {
  const options = {
    languages: [],
    pastS: 86_400,
    futureS: 14 * 86_400,
    maxBytes: 1 << 30,
    acceptTruncated: false,
    allowPrivate: true,
    folder,
    userAgent: 'Sluice',
    timeoutMs: 10_000,
  };
  return { type: 'import', database, sourceId, nowS: NOW_S, options };
}

function addSource({ connection }: Database, url: string): number {
  const { lastInsertRowid } = connection
    .prepare("INSERT INTO guide_sources (name, url, interval_s) VALUES ('g', ?, 86400)")
    .run(url);
  return Number(lastInsertRowid);
}

/** How many programmes there are of each version. */
function versions({ connection }: Database): Record<string, number> {
  const rows = connection
    .prepare("SELECT SUBSTR(title, 1, INSTR(title, ' ') - 1) AS version, COUNT(*) AS count FROM programmes GROUP BY 1")
    .all() as { version: string; count: number }[];
  return Object.fromEntries(rows.map(({ version, count }) => [version, count]));
}

describe('a gateway with a guide', () => {
  let origin: ScriptedOrigin;
  let gateway: TestGateway | undefined;
  let answer: OriginAnswer;

  beforeEach(async () => {
    answer = (_, response) => void response.end(gzipSync(guideOf(3, 4, 'v1')));
    origin = await ScriptedOrigin.start({ '/guide.xml.gz': (request, response) => answer(request, response) });
  });
  afterEach(async () => {
    await gateway?.close();
    await origin.close();
  });

  it('reads it, matches it, answers what is on, writes it for players, and counts', async () => {
    gateway = await startGateway({ EPG_SOURCES: `${origin.url}/guide.xml.gz` });
    const { guide, channels } = gateway.gateway;
    const one = channels.create({ name: 'ES: C 1 HD' });
    const two = channels.create({ name: 'Two', guideId: 'C2.es' });
    await until('both channels to have a guide', () => guide.nowNext([one.id, two.id]).size === 2);
    expect(guide.listingsFor(one.id, { limit: 2 })).toMatchObject([{ title: 'v1 1' }, { title: 'v1 4' }]);
    await until('the source to be counted', () => guide.sources()[0]?.channels === 3);
    expect(guide.sources()).toMatchObject([{ configured: true, problem: null, channels: 3, programmes: 12 }]);
    const document = await guide.xmltvFor('all');
    const text = Buffer.concat(await document.open('identity').toArray()).toString();
    expect(text).toContain(`<channel id="c${one.id}.sluice">`);
    expect(text).toContain('<channel id="C2.es">');
    expect(await gateway.metric('sluice_guide_runs_total')).toMatchObject({
      '{state="done"}': 1,
      '{state="failed"}': 0,
    });
    expect(await gateway.metric('sluice_guide_programmes')).toEqual({ '': 12 });
    expect(await gateway.metric('sluice_guide_channels_matched')).toEqual({ '': 2 });
    expect(gateway.log.find(({ msg }) => msg === 'guide read')).toMatchObject({
      name: '127.0.0.1',
      programmes: 12,
      skipped: 0,
    });
  });

  it('goes on with what it has when the guide is down, and says so without the address', async () => {
    answer = (_, response) => void response.writeHead(500).end();
    gateway = await startGateway({ EPG_SOURCES: `${origin.url}/guide.xml.gz?password=s3cret` });
    const { guide } = gateway.gateway;
    await until('the failure to be noted', () => guide.sources()[0]?.problem !== null);
    expect(guide.sources()[0]!.problem).toBe('The source answered with status 500.');
    const line = gateway.log.find(({ msg }) => msg.startsWith('guide could not be read'));
    expect(line).toMatchObject({ reason: 'source_unavailable' });
    expect(JSON.stringify(gateway.log)).not.toContain('s3cret');
  });

  it('closes at once while a guide is being read', async () => {
    answer = (_, response) => void response.writeHead(200).write('<tv>');
    gateway = await startGateway({ EPG_SOURCES: `${origin.url}/guide.xml.gz` });
    await until('the guide to be asked for', () => origin.requests.length > 0);
    await within('the gateway to close', gateway.close(), 3_000);
    gateway = undefined;
  });
});

describe('a large guide', () => {
  it('is read in bounded memory, and nobody waits long for the database meanwhile', async () => {
    const file = path.join(folder, 'large.xml');
    writeFileSync(file, guideOf(500, 100, 'v1', 500));
    const megabytes = readFileSync(file).length / 2 ** 20;
    expect(megabytes).toBeGreaterThan(30);
    const database = openDatabase(path.join(folder, 'sluice.db'));
    const id = addSource(database, file);
    const pool = new CpuPool();
    const before = process.memoryUsage().rss;
    let peak = before;
    let longestMs = 0;
    const probe = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
      const startedMs = performance.now();
      database.connection.prepare("INSERT OR REPLACE INTO settings VALUES ('probe', '1')").run();
      longestMs = Math.max(longestMs, performance.now() - startedMs);
    }, 20);
    try {
      const settled = await pool.run<Settled<ImportAnswer>>('guide', importRequest(path.join(folder, 'sluice.db'), id));
      expect(settled).toMatchObject({ answer: { state: 'done', programmes: 50_000, added: 50_000, skipped: 0 } });
    } finally {
      clearInterval(probe);
      await pool.close();
    }
    expect((peak - before) / 2 ** 20).toBeLessThan(160);
    expect(longestMs).toBeLessThan(2_000);
    await database.close();
  });

  it('leaves the old one or the new one when its process is killed, whenever that is', async () => {
    const file = path.join(folder, 'guide.xml');
    const database = openDatabase(path.join(folder, 'sluice.db'));
    const pool = new CpuPool();
    writeFileSync(file, guideOf(100, 100, 'v0'));
    const request = importRequest(path.join(folder, 'sluice.db'), addSource(database, file));
    await pool.run('guide', request);
    await pool.close();
    expect(versions(database)).toEqual({ v0: 10_000 });
    const script = `const { CpuPool } = await import(${JSON.stringify(POOL)});
      const pool = new CpuPool(); process.stdout.write('begun');
      await pool.run('guide', ${JSON.stringify(request)}); await pool.close();`;
    let current = 'v0';
    for (const [round, killAfterMs] of [20, 150, 300, 500, 700, 900, 1200].entries()) {
      const next = `v${round + 1}`;
      writeFileSync(file, guideOf(100, 100, next));
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      await within('the child to begin', once(child.stdout, 'data'));
      await Promise.race([delay(killAfterMs), exited]);
      child.kill('SIGKILL');
      await within('the child to be dead', exited);
      const found = versions(database);
      expect([{ [current]: 10_000 }, { [next]: 10_000 }]).toContainEqual(found);
      current = Object.keys(found)[0]!;
    }
    // Whatever was left behind doesn't stop the next one.
    const last = await run(process.execPath, ['--input-type=module', '-e', script]);
    expect(last).toMatchObject({ code: 0, complaints: [] });
    expect(versions(database)).toEqual({ v7: 10_000 });
    await database.close();
  });
});
