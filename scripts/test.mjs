// `npm test`: sets up what is missing, then runs jest with the arguments given; `--project=<name>` runs one project.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import './setup.mjs';

/** Programs the tests call, and the Debian packages they come in. */
const PROGRAMS = {
  ffmpeg: 'ffmpeg',
  ffprobe: 'ffmpeg',
  tsreport: 'tstools',
  mpv: 'mpv',
  curl: 'curl',
  xmllint: 'libxml2-utils',
};

const succeeds = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).error === undefined;

function ensurePrograms() {
  const missing = Object.keys(PROGRAMS).filter(program => !succeeds(program, ['--version']));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(program => PROGRAMS[program]))];
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) {
    console.error(`sluice: the tests with real players need ${missing.join(', ')}. Run as root: ${install}`);
    process.exit(1);
  }
  console.log(`sluice: installing ${packages.join(', ')} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'], shell: true };
  if (spawnSync(`apt-get update -qq && ${install} -qq`, quiet).status !== 0) {
    console.error(`sluice: that failed; run yourself: ${install}`);
    process.exit(1);
  }
}

const PROJECT = '--project=';
const args = process.argv.slice(2);
const project = args.find(arg => arg.startsWith(PROJECT))?.slice(PROJECT.length);
// Only a run that leaves out what decodes can do without them.
const decodes = name => name === 'players' || name === 'faults';
if (project === undefined ? !args.includes('--selectProjects') || args.some(decodes) : decodes(project))
  ensurePrograms();

const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const others = args.filter(arg => !arg.startsWith(PROJECT));
// It comes last, because jest takes every word after it for a project, paths of tests included.
const selected = project === undefined ? [] : ['--selectProjects', project];
const run = spawnSync(process.execPath, [...node, jest, ...others, ...selected], { stdio: 'inherit' });
process.exitCode = run.status ?? 1;
