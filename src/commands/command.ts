/** What the commands beside the gateway have in common: configuration, messages, exit codes. */
import path from 'node:path';
import { databasePath } from '../catalog/database-path.ts';
import { ConfigError, loadConfig } from '../config/load.ts';

/** A command that was called wrongly. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command's surroundings. */
export interface Surroundings {
  readonly dataDir: string;
  /** The file of the database, which may not exist yet. */
  readonly database: string;
  /** The whole path of a file that somebody named where they stood; npm runs scripts in the project's folder. */
  pathOf(file: string): string;
}

/** Prints a line of a command's result. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs a command, and sets the exit code: 0 when all went well, 1 when nothing was changed because something is in the
 * way, 64 when it was called wrongly, 78 when the configuration is wrong.
 * @param usage shown for `--help`, and when it was called wrongly
 */
export async function runCommand(
  usage: string,
  work: (args: readonly string[], around: Surroundings) => void | Promise<void>,
): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    print(usage);
    return;
  }
  try {
    const { config } = loadConfig(process.env);
    await work(args, {
      dataDir: path.resolve(config.dataDir),
      database: databasePath(config.databaseUrl, config.dataDir),
      pathOf: file => path.resolve(process.env.INIT_CWD ?? '.', file),
    });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    const lines = [`sluice: ${(error as Error).message}`, ...(error instanceof UsageError ? ['', usage] : [])];
    process.stderr.write(`${lines.join('\n')}\n`);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 64; // EX_USAGE of sysexits.h
  if (error instanceof ConfigError) return 78; // EX_CONFIG
  return 1;
}
