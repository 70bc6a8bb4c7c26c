// What `npm start`, `npm test` and `npm run bench` need before they can run: dependencies and a fresh build.
// Plain JavaScript on Node's own modules, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => path.join(root, ...parts);

function run(command, args) {
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (done.status === 0) return;
  console.error(`sluice: '${command} ${args.join(' ')}' failed (${done.error?.message ?? `exit code ${done.status}`})`);
  process.exit(done.status || 1);
}

/** A digest over names and contents, so that "is this still the same?" survives clones, copies and touched files. */
function digest(paths) {
  const hash = createHash('sha256');
  const visit = file => {
    if (!existsSync(file)) return;
    if (statSync(file).isDirectory()) for (const name of readdirSync(file).sort()) visit(path.join(file, name));
    else hash.update(path.relative(root, file)).update('\0').update(readFileSync(file));
  };
  for (const p of paths) visit(at(p));
  return hash.digest('hex');
}

function once(stamp, inputs, work) {
  const wanted = digest(inputs);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  work();
  writeFileSync(stamp, wanted);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`sluice needs Node 20.19 or newer; this is ${process.version}`);
  process.exit(1);
}

once(at('node_modules', '.sluice-installed'), ['package.json', 'package-lock.json'], () => {
  console.log('sluice: installing dependencies …');
  // Not `npm ci`: it refuses a lock file without the optional packages of platforms that the registry does not carry.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
});

once(
  at('dist', '.sluice-built'),
  ['src', 'workers', 'benchmarks', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
  () => {
    console.log('sluice: building …');
    rmSync(at('dist'), { recursive: true, force: true });
    run(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']);
    for (const clip of ['workers/demo/clip.mpegts', 'workers/shard/slate.mpegts']) cpSync(at(clip), at('dist', clip));
  },
);
