import type { Compilable } from 'kysely';
import type { Database } from './database.ts';

const DELAY_MS = 1_000;

/**
 * Small notes that may reach the database a little later, such as when somebody last logged in. Whoever logs in must not
 * wait for an import that is writing, and neither may everybody else on the front thread meanwhile: a note is written
 * when the database is free, or tried again.
 */
export class LateWrites {
  readonly #database: Database;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting = new Map<string, { sql: string; parameters: readonly unknown[] }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onFailure told when notes are lost, because the disk is full for one */
  constructor(database: Database, onFailure: (error: unknown) => void) {
    this.#database = database;
    this.#onFailure = onFailure;
  }

  /** Takes a note. @param key of two notes with one key only the later one is written */
  put(key: string, statement: Compilable): void {
    const { sql, parameters } = statement.compile();
    this.#waiting.set(key, { sql, parameters });
    this.#timer ??= setTimeout(() => this.#next(), DELAY_MS).unref();
  }

  /** Writes what waits, unless somebody else is writing. @returns whether nothing waits any more */
  flush(): boolean {
    const { connection } = this.#database;
    if (connection.inTransaction) return false;
    const [{ timeout }] = connection.pragma('busy_timeout') as [{ timeout: number }];
    // Nothing else runs on this thread before the old value is back.
    connection.pragma('busy_timeout = 0');
    try {
      for (const [key, { sql, parameters }] of this.#waiting) {
        connection.prepare(sql).run(...parameters);
        this.#waiting.delete(key);
      }
      return true;
    } catch (error) {
      if (String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) return false;
      // They are worth neither the process nor another attempt each second.
      this.#waiting.clear();
      this.#onFailure(error);
      return true;
    } finally {
      connection.pragma(`busy_timeout = ${timeout}`);
    }
  }

  /** Writes what can be written now, and nothing later. */
  close(): void {
    clearTimeout(this.#timer);
    this.flush();
  }

  #next(): void {
    this.#timer = undefined;
    if (!this.flush()) this.#timer = setTimeout(() => this.#next(), DELAY_MS).unref();
  }
}
