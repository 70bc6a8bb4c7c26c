/** The command `npm run backup`. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { backUp, stampOf } from '../catalog/backup.ts';
import { print, runCommand, UsageError } from './command.ts';

const USAGE = `npm run backup [-- FILE]

Copies the database, while the gateway runs or not, and checks the copy.
FILE must not exist; without it the copy goes to DATA_DIR/backups, named by date and time.`;

await runCommand(USAGE, (args, { dataDir, database, pathOf }) => {
  const [file, ...rest] = args;
  if (rest.length > 0 || file?.startsWith('-')) throw new UsageError('One file at most can be named.');
  const to = file === undefined ? path.join(dataDir, 'backups', `sluice-${stampOf(new Date())}.db`) : pathOf(file);
  backUp(database, to);
  print(`Backed up to ${to} (${statSync(to).size} bytes, checked).`);
});
