import { cp, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CatalogEvents } from '../../src/catalog/catalog-events.ts';
import { Channels } from '../../src/catalog/channels.ts';
import { openDatabase } from '../../src/catalog/database.ts';
import { ask } from '../helpers/gateway.ts';
import { type SluiceProcess, startProcess } from '../helpers/process.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the program', () => {
  let program: SluiceProcess | undefined;
  let engine: StandIn;

  beforeEach(async () => {
    engine = await startStandIn();
    engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: 8_000_000 });
  });

  afterEach(async () => {
    await program?.dispose();
    program = undefined;
    await engine.close();
  });

  it('runs a demo without configuration, and prints an address that plays', async () => {
    program = await startProcess({});
    const port = await program.ready();
    const url = program.stderr.match(/http:\/\/127\.0\.0\.1:\d+(\/ace\/getstream\?id=[0-9a-f]{40})/);
    const viewer = new Viewer(port, url![1]!);
    await viewer.more(1_000, 20_000);
    const { syncErrors, continuityErrors } = viewer.check;
    expect([viewer.status, syncErrors, continuityErrors]).toEqual([200, 0, 0]);
    viewer.leave();
    expect(program.stderr).toMatch(
      new RegExp(`^ {2}server http://127\\.0\\.0\\.1:${port} {3}user name demo {3}password demo$`, 'm'),
    );
    // What is real stays free of what is made up.
    expect((await readdir(program.dataDir)).filter(name => name.startsWith('sluice.db'))).toEqual([]);
  });

  it('runs no demo catalogue where there are channels already', async () => {
    program = await startProcess({ ACESTREAM_ENABLED: 'false' });
    const { dataDir } = program;
    await program.ready();
    program.child.kill('SIGTERM');
    await within('the program to end', program.exited);
    const database = openDatabase(path.join(dataDir, 'sluice.db'));
    new Channels(database, new CatalogEvents()).create({ name: 'Mine' });
    await database.close();
    program = await startProcess({}, { dataDir });
    await program.ready();
    expect(program.stderr).toMatch(/\/ace\/getstream\?id=/);
    expect(program.stderr).not.toMatch(/password demo/);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends in good order on %s: sessions stopped, viewers closed, exit code 0',
    async signal => {
      program = await startProcess({ ACESTREAM_ENGINES: engine.url });
      const port = await program.ready();
      const viewers = [0, 1, 2].map(() => new Viewer(port, `/ace/getstream?infohash=${INFOHASH}`));
      await Promise.all(viewers.map(viewer => viewer.more(500)));
      program.child.kill(signal);
      expect(await within('the program to end', program.exited, 8_000)).toBe(0);
      for (const viewer of viewers) {
        await within('the connection to end', viewer.closed);
        expect([viewer.check.syncErrors, viewer.check.heldBytes]).toEqual([0, 0]);
      }
      const { sessionsStarted, sessionsStopped } = engine.state().counts;
      expect([sessionsStarted, sessionsStopped]).toEqual([1, 1]);
      expect(program.stdout.match(/"reason":"shutdown"/g)).toHaveLength(3);
    },
  );

  it('ends within SHUTDOWN_GRACE when an engine does not answer the stop', async () => {
    engine.patchContent(INFOHASH, { faults: { stopHangs: {} } });
    program = await startProcess({ ACESTREAM_ENGINES: engine.url, SHUTDOWN_GRACE: '1' });
    const viewer = new Viewer(await program.ready(), `/ace/getstream?infohash=${INFOHASH}`);
    await viewer.more(100);
    program.child.kill('SIGTERM');
    expect(await within('the program to end', program.exited, 5_000)).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    engine.patchContent(INFOHASH, { faults: { stopHangs: {} } });
    program = await startProcess({ ACESTREAM_ENGINES: engine.url, SHUTDOWN_GRACE: '60' });
    const viewer = new Viewer(await program.ready(), `/ace/getstream?infohash=${INFOHASH}`);
    await viewer.more(100);
    program.child.kill('SIGTERM');
    const { child } = program;
    // The signal counts as a second one only after the time in which npm and a terminal may both pass one on.
    const again = setInterval(() => child.kill('SIGTERM'), 100);
    try {
      expect(await within('the program to end', program.exited, 5_000)).toBe(1);
    } finally {
      clearInterval(again);
    }
  });

  it('names every problem of its configuration and ends', async () => {
    program = await startProcess({ SHARDS: 'many', SERVER_PORT: '99999', ADMIN_PASSWORD: 'short-secret'.slice(0, 5) });
    expect(await within('the program to end', program.exited)).toBe(78);
    for (const key of ['SHARDS', 'SERVER_PORT', 'ADMIN_PASSWORD']) expect(program.stderr).toContain(key);
    expect(program.stderr).not.toContain('short');
    expect(program.stderr).not.toMatch(/^\s+at /m);
  });

  it('says so when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until('the other server to listen', () => other.listening);
    const { port } = other.address() as AddressInfo;
    program = await startProcess({ SERVER_PORT: String(port), ACESTREAM_ENGINES: engine.url });
    expect(await within('the program to end', program.exited)).toBe(1);
    expect(program.stderr).toContain(`EADDRINUSE`);
    expect(program.stderr).toContain(String(port));
    other.close();
  });

  it('makes up a password once, shows it once, and keeps only its hash', async () => {
    program = await startProcess({ ACESTREAM_ENGINES: engine.url });
    let port = await program.ready();
    const password = program.stderr.match(/has the password (\S+)/)![1]!;
    expect(program.stdout).not.toContain(password);
    program.child.kill('SIGTERM');
    await within('the program to end', program.exited);
    const { dataDir } = program;
    expect((await stat(path.join(dataDir, 'admin-password'))).mode & 0o777).toBe(0o600);
    program = await startProcess({ ACESTREAM_ENGINES: engine.url }, { dataDir });
    port = await program.ready();
    expect(program.stderr).not.toContain('has the password');
    const answer = await ask(`http://127.0.0.1:${port}/api/aceproxy/streams`, {
      headers: { authorization: `Bearer ${password}` },
    });
    expect(answer.status).toBe(200);
  });

  it('ends with a clear message when a shard cannot boot', async () => {
    const copy = await startProcess({ SHARDS: 'none' }); // Only for its folder.
    await within('the program to end', copy.exited);
    const root = path.join(copy.dataDir, 'copy');
    await mkdir(root);
    await cp(path.join(ROOT, 'dist'), path.join(root, 'dist'), { recursive: true });
    await cp(path.join(ROOT, 'package.json'), path.join(root, 'package.json'));
    await symlink(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
    await writeFile(path.join(root, 'dist/workers/shard.worker.js'), 'throw new Error("broken on purpose");\n');
    program = await startProcess({ ACESTREAM_ENGINES: engine.url }, { main: path.join(root, 'dist/src/main.js') });
    expect(await within('the program to end', program.exited)).toBe(1);
    expect(program.stderr).toMatch(/sluice: shard \d can't be started: broken on purpose/);
    await copy.dispose();
  });

  it.each([
    ['--help', 0, 'stdout', /ACESTREAM_ENGINES[\s\S]*STALE_CLIENT_TIMEOUT/],
    ['--version', 0, 'stdout', /^\d+\.\d+\.\d+\n$/],
    ['--nonsense', 64, 'stderr', /unknown argument '--nonsense'/],
  ] as const)('answers %s', async (argument, code, stream, text) => {
    program = await startProcess({}, { args: [argument] });
    expect(await within('the program to end', program.exited)).toBe(code);
    expect(program[stream]).toMatch(text);
  });
});
