/** The command `npm run restore`. */
import { restore } from '../catalog/backup.ts';
import { print, runCommand, UsageError } from './command.ts';

const USAGE = `npm run restore -- FILE

Replaces the database by the backup FILE, which stays as it is. The gateway must not be running.
The replaced database is kept beside the new one.`;

await runCommand(USAGE, ([file, ...rest], { database, pathOf }) => {
  if (file === undefined || rest.length > 0 || file.startsWith('-'))
    throw new UsageError('Name one backup to restore.');
  const aside = restore(pathOf(file), database);
  print(`Restored ${pathOf(file)}.`);
  if (aside !== undefined) print(`What was there before is kept as ${aside}.`);
});
