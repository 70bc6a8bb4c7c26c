/** The command `npm run import:legacy`. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { LEGACY_TABLES } from '../legacy/legacy-database.ts';
import { moveIn, rehearse } from '../legacy/move-in.ts';
import type { Report } from '../legacy/report.ts';
import { print, runCommand, UsageError } from './command.ts';

const USAGE = `npm run import:legacy -- [--dry-run] FILE

Takes over channels, categories, users, lists and guides from the database FILE of the original, which stays as it is.
It is all or nothing, and the gateway must not be running.
--dry-run changes nothing and says what would happen; the gateway may be running.`;

const WHAT = {
  categories: 'categories',
  channels: 'channels',
  users: 'users, as accounts',
  scraper_urls: 'lists of channels, disabled',
  epg_sources: 'programme guides',
} as const;

function show({ counts, remarks }: Report): void {
  for (const table of LEGACY_TABLES) {
    const { moved, merged, skipped } = counts[table];
    const rest = [...(merged > 0 ? [`${merged} here already`] : []), ...(skipped > 0 ? [`${skipped} left out`] : [])];
    print(`  ${moved} ${WHAT[table]}${rest.length > 0 ? ` (${rest.join(', ')})` : ''}`);
  }
  if (remarks.length > 0) print('Look at these:');
  for (const { table, row, text } of remarks) print(`  ${table} ${row}: ${text}`);
}

await runCommand(USAGE, async (args, { database, pathOf }) => {
  const files = args.filter(arg => arg !== '--dry-run');
  const [file] = files;
  if (file === undefined || files.length > 1 || file.startsWith('-')) throw new UsageError('Name one old database.');
  const isRehearsal = args.includes('--dry-run');
  if (!isRehearsal) mkdirSync(path.dirname(database), { recursive: true, mode: 0o700 });
  const report = await (isRehearsal ? rehearse : moveIn)(pathOf(file), database);
  print(isRehearsal ? 'This would be taken over; nothing has changed:' : 'Taken over:');
  show(report);
});
