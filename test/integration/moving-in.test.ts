import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCommand } from '../helpers/command.ts';
import { startProcess } from '../helpers/process.ts';
import { buildLegacy } from '../unit/support/legacy.ts';

describe('npm run import:legacy', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'sluice-moving-'));
    buildLegacy(path.join(dataDir, 'old.db'), {
      channels: [{ id: 5, name: 'Five', acestream_id: '5'.repeat(40) }],
      users: [{ id: 1, username: 'root', password_hash: 'x', is_admin: 1 }],
    });
  });

  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('says the same in a dry run, which leaves nothing, and for real, which a gateway then starts with', async () => {
    const told = await runCommand('import-legacy', dataDir, ['--dry-run', 'old.db']);
    expect(await readdir(dataDir)).toEqual(['old.db']);
    const done = await runCommand('import-legacy', dataDir, ['old.db']);
    const [first, ...rest] = told.stdout.split('\n');
    expect([told.code, first, done.code, done.complaints]).toEqual([
      0,
      'This would be taken over; nothing has changed:',
      0,
      [],
    ]);
    expect(done.stdout.split('\n')).toEqual(['Taken over:', ...rest]);
    expect(rest).toEqual(
      expect.arrayContaining([
        '  1 channels',
        '  0 users, as accounts (1 left out)',
        expect.stringContaining("'root'"),
      ]),
    );
    const gateway = await startProcess({ ACESTREAM_ENABLED: 'false' }, { dataDir });
    try {
      await gateway.ready();
      const refused = await runCommand('import-legacy', dataDir, ['old.db']);
      expect(refused).toMatchObject({ code: 1, complaints: [expect.stringContaining('stop the gateway first')] });
    } finally {
      await gateway.dispose();
    }
  });

  it('wants one file', async () => {
    expect(await runCommand('import-legacy', dataDir, ['--dry-run'])).toMatchObject({ code: 64 });
    expect(await runCommand('import-legacy', dataDir, ['none.db'])).toMatchObject({ code: 1 });
  });
});
