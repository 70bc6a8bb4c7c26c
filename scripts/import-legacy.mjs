// `npm run import:legacy`: brings the build up to date, then takes over the database of the original.
// `npm run import:legacy -- --help` says more.
import './setup.mjs';

await import('../dist/src/commands/import-legacy.js');
