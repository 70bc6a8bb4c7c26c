import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { openDatabase } from '../../src/catalog/database.ts';
import { runCommand } from '../helpers/command.ts';
import { type SluiceProcess, startProcess } from '../helpers/process.ts';
import { within } from '../helpers/until.ts';

/** Without an engine there would be the demo, which does not use the real database. */
const NO_ENGINES = { ACESTREAM_ENABLED: 'false' };
let program: SluiceProcess | undefined;

afterEach(async () => {
  await program?.dispose();
  program = undefined;
});

/** Writes pairs of rows into the database of a running gateway until told to stop. @returns how many pairs there are */
async function writePairs(dataDir: string, stop: AbortSignal): Promise<number> {
  const database = openDatabase(path.join(dataDir, 'sluice.db'));
  let pairs = 0;
  for (; !stop.aborted || pairs === 0; pairs++) {
    const insert = database.connection.prepare('INSERT INTO categories (name, position) VALUES (?, ?)');
    database.connection.transaction(() => {
      insert.run(`left ${pairs}`, pairs);
      insert.run(`right ${pairs}`, pairs);
    })();
    await nextTurn();
  }
  await database.close();
  return pairs;
}

/** Names in a database that nobody has open. */
async function names(file: string): Promise<string[]> {
  const database = openDatabase(file);
  const found = database.connection.prepare('SELECT name FROM categories').pluck().all() as string[];
  await database.close();
  return found;
}

describe('npm run backup and npm run restore', () => {
  it('copy a database that is written to meanwhile, and put it back once the gateway has ended', async () => {
    program = await startProcess(NO_ENGINES);
    const { dataDir } = program;
    await program.ready();
    const stop = new AbortController();
    const writing = writePairs(dataDir, stop.signal);
    const backups = [await runCommand('backup', dataDir), await runCommand('backup', dataDir, ['mine.db'])];
    stop.abort();
    const pairs = await within('the writing to end', writing);
    expect(backups).toEqual([
      {
        code: 0,
        stdout: expect.stringMatching(/^Backed up to .*backups\/sluice-.*Z\.db \(\d+ bytes, checked\)/),
        complaints: [],
      },
      { code: 0, stdout: expect.stringContaining(path.join(dataDir, 'mine.db')), complaints: [] },
    ]);

    const refused = await runCommand('restore', dataDir, ['mine.db']);
    expect(refused).toMatchObject({ code: 1, complaints: [expect.stringContaining('stop it first')] });
    program.child.kill('SIGKILL');
    await within('the gateway to end', program.exited);
    expect(await runCommand('restore', dataDir, ['mine.db'])).toMatchObject({ code: 0, complaints: [] });

    const restored = await names(path.join(dataDir, 'sluice.db'));
    const lefts = restored.filter(name => name.startsWith('left'));
    expect(restored).toHaveLength(2 * lefts.length); // Never half of what was written together.
    expect(lefts.length).toBeGreaterThan(0);
    expect(lefts.length).toBeLessThanOrEqual(pairs);
    const aside = (await readdir(dataDir)).find(name => /\.replaced-[^.]*Z$/.test(name));
    expect(await names(path.join(dataDir, aside!))).toHaveLength(2 * pairs);

    const again = await startProcess(NO_ENGINES, { dataDir });
    program = again;
    await again.ready();
  });

  it('say how they are used, and what is wrong with their arguments and the configuration', async () => {
    program = await startProcess(NO_ENGINES);
    const { dataDir } = program;
    await program.ready();
    expect((await runCommand('backup', dataDir, ['--help'])).stdout).toMatch(/^npm run backup/);
    expect(await runCommand('restore', dataDir)).toMatchObject({ code: 64, stdout: '' });
    expect(await runCommand('backup', dataDir, ['a', 'b'])).toMatchObject({ code: 64 });
    expect(await runCommand('restore', dataDir, ['none.db'])).toMatchObject({ code: 1 });
  });
});
