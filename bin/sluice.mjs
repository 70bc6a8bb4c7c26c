#!/usr/bin/env node
// The command: sets up what is missing, then runs the program in this same process.
import '../scripts/setup.mjs';

await import('../dist/src/main.js');
