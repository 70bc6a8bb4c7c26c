import { spawn } from 'node:child_process';
import { within } from './until.ts';

/** What a program printed, and how it ended. */
export interface Finished {
  code: number | null;
  stdout: string;
  /** Lines of the error output that are not empty. */
  complaints: string[];
}

/** Runs a program to its end. @param around where it runs and what its environment is, ours unless said */
export async function run(
  command: string,
  args: readonly string[],
  deadlineMs = 40_000,
  around: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const child = spawn(command, args, { ...around, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => void stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => void stderr.push(chunk));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  try {
    const code = await within(`${command} ${args.join(' ')} to end`, ended, deadlineMs);
    const lines = Buffer.concat(stderr)
      .toString('utf8')
      .split(/[\r\n]+/);
    return {
      code,
      stdout: Buffer.concat(stdout).toString('utf8'),
      complaints: lines.filter(line => line.trim() !== ''),
    };
  } finally {
    child.kill('SIGKILL');
  }
}
