import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

/** How the log is written. */
export interface LogOptions {
  level: string;
  /** `auto` means readable lines on a terminal, JSON elsewhere. */
  format: 'auto' | 'json' | 'pretty';
}

/**
 * The process's logger. One line an event, with its facts as fields. Callers never pass addresses with a query, since
 * those may hold credentials.
 */
export function createLogger({ level, format }: LogOptions): Logger {
  const options = { level, base: null };
  const readable = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  if (!readable) return pino(options, pino.destination({ fd: 1, sync: true }));
  return pino(options, pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', sync: true }));
}
