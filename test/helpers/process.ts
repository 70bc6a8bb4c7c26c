import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, within } from './until.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** The program as users run it: a process of its own. */
export interface SluiceProcess {
  child: ChildProcess;
  dataDir: string;
  stdout: string;
  stderr: string;
  /** Exit code, or the signal that ended it. */
  exited: Promise<number | string>;
  /** Waits until it says that it is ready. @returns the port */
  ready(): Promise<number>;
  /** Descriptors it has open. */
  descriptors(): Promise<number>;
  /** Ends it by force if it still runs, and removes its data. */
  dispose(): Promise<void>;
}

/** Starts the program. @param options.main another main file, @param options.dataDir data of an earlier run */
export async function startProcess(
  env: Record<string, string>,
  options: { args?: string[]; main?: string; dataDir?: string } = {},
): Promise<SluiceProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'sluice-process-')));
  const child = spawn(process.execPath, [options.main ?? MAIN, ...(options.args ?? [])], {
    cwd: dataDir, // No .env of ours.
    env: { PATH: process.env.PATH, SERVER_HOST: '127.0.0.1', SERVER_PORT: '0', DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started: SluiceProcess = {
    child,
    dataDir,
    stdout: '',
    stderr: '',
    exited: new Promise(resolve => child.on('close', (code, signal) => resolve(code ?? signal ?? 'lost'))),
    ready: async () => {
      const [, port] = await until(
        'the program to say it is ready',
        () => {
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${started.stderr}`);
          return started.stderr.match(/is ready on http:\/\/127\.0\.0\.1:(\d+)/) ?? undefined;
        },
        20_000,
      );
      return Number(port);
    },
    descriptors: async () => (await readdir(`/proc/${child.pid}/fd`)).length,
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await within('the process to end', started.exited);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  child.stdout.on('data', (chunk: Buffer) => {
    started.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    started.stderr += chunk.toString();
  });
  return started;
}
