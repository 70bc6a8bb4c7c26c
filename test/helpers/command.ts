import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finished, run } from './run.ts';

const COMMANDS = fileURLToPath(new URL('../../dist/src/commands/', import.meta.url));

/** Runs one of the commands beside the gateway, as built, on the data in `dataDir`. */
export function runCommand(name: string, dataDir: string, args: readonly string[] = []): Promise<Finished> {
  const env = { PATH: process.env.PATH, DATA_DIR: dataDir };
  return run(process.execPath, [path.join(COMMANDS, `${name}.js`), ...args], undefined, { cwd: dataDir, env });
}
