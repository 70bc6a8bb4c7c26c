// `npm run restore`: brings the build up to date, then puts a backup back. `npm run restore -- --help` says more.
import './setup.mjs';

await import('../dist/src/commands/restore.js');
