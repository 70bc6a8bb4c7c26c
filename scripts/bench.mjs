// `npm run bench`: brings the build up to date, then measures it. `npm run bench -- --help` lists the options.
import './setup.mjs';

await import('../dist/benchmarks/main.js');
