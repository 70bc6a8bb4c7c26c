// `npm run backup`: brings the build up to date, then copies the database. `npm run backup -- --help` says more.
import './setup.mjs';

await import('../dist/src/commands/backup.js');
