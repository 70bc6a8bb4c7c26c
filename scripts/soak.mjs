// `npm run soak`: brings the build up to date, then runs streams for a long time. `npm run soak -- --help` lists the
// options.
import './setup.mjs';

await import('../dist/benchmarks/soak/main.js');
