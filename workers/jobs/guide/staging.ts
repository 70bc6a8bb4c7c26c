/**
 * Where a guide lies while it is read: a file of its own beside the database, so that memory stays bounded and nobody is
 * locked out. What it leaves when its process is killed is removed by the next one.
 */
import { rmSync } from 'node:fs';
import type { Database } from '../../../src/catalog/database.ts';
import type { GuideChannel, GuideProgramme } from '../xmltv/xmltv-parser.ts';

type Connection = Database['connection'];

/** A file that nothing depends on needs no safety. */
const SETUP = [
  'PRAGMA staging.journal_mode = OFF',
  'PRAGMA staging.synchronous = OFF',
  // Guides that are ordered by time touch all channels again and again.
  'PRAGMA staging.cache_size = -32768',
  `CREATE TABLE staging.channels (
    id INTEGER PRIMARY KEY, xmltv_id TEXT NOT NULL, names TEXT NOT NULL, icon_url TEXT,
    guide_channel_id INTEGER, first_at INTEGER, until_at INTEGER
  )`,
  `CREATE TABLE staging.programmes (
    channel_id INTEGER NOT NULL, start_at INTEGER NOT NULL, stop_at INTEGER, title TEXT NOT NULL, subtitle TEXT,
    description TEXT, category TEXT, icon_url TEXT, PRIMARY KEY (channel_id, start_at)
  ) WITHOUT ROWID`,
];

/**
 * Programmes are inserted in batches, in the order of their key: a guide that is ordered by time would otherwise touch
 * another page of the table with each of them, which takes more than twice as long.
 */
const BATCH_ROWS = 10_000;

/** How long a programme lasts of which neither its end nor what follows is known, and at most where the latter is. */
const ASSUMED_S = 3_600;
const LONGEST_OPEN_S = 12 * 3_600;

const NEXT_START = `(SELECT n.start_at FROM staging.programmes AS n
  WHERE n.channel_id = programmes.channel_id AND n.start_at > programmes.start_at ORDER BY n.start_at LIMIT 1)`;

type ProgrammeRow = [
  channelId: number,
  startAt: number,
  stopAt: number | null,
  title: string,
  subtitle: string | null,
  description: string | null,
  category: string | null,
  iconUrl: string | null,
];

/** A guide that is being read. Its tables are `staging.channels` and `staging.programmes`. */
export class Staging {
  readonly #connection: Connection;
  readonly #path: string;
  readonly #ids = new Map<string, number>();
  readonly #described = new Set<number>();
  #batch: ProgrammeRow[] = [];
  readonly #addChannel;
  readonly #describe;
  readonly #addProgramme;

  constructor(connection: Connection, path: string) {
    this.#connection = connection;
    this.#path = path;
    rmSync(path, { force: true });
    connection.exec(`ATTACH '${path.replaceAll("'", "''")}' AS staging`);
    for (const statement of SETUP) connection.exec(statement);
    this.#addChannel = connection.prepare('INSERT INTO staging.channels (id, xmltv_id, names) VALUES (?, ?, ?)');
    this.#describe = connection.prepare('UPDATE staging.channels SET names = ?, icon_url = ? WHERE id = ?');
    this.#addProgramme = connection.prepare('INSERT OR IGNORE INTO staging.programmes VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    connection.exec('BEGIN');
  }

  /** Takes a channel; the first description of one holds. */
  channel({ xmltvId, names, iconUrl }: GuideChannel): void {
    const id = this.#idOf(xmltvId);
    if (this.#described.has(id)) return;
    this.#described.add(id);
    this.#describe.run(JSON.stringify(names), iconUrl, id);
  }

  /** Takes a programme; of those that start at the same time the first one holds. Guides may leave channels out. */
  programme(programme: GuideProgramme): void {
    const { xmltvId, startAt, stopAt = null, title, subtitle, description, category, iconUrl } = programme;
    this.#batch.push([this.#idOf(xmltvId), startAt, stopAt, title, subtitle, description, category, iconUrl]);
    if (this.#batch.length >= BATCH_ROWS) this.#flush();
  }

  /**
   * Gives every programme its end. Where two overlap, the one that starts later is what is really on then, so the earlier
   * one ends there: whatever the order of the document, the result is the same.
   */
  finish(): void {
    this.#flush();
    this.#connection.exec(
      `UPDATE staging.programmes SET stop_at = MIN(
         COALESCE(stop_at, MIN(COALESCE(${NEXT_START}, start_at + ${ASSUMED_S}), start_at + ${LONGEST_OPEN_S})),
         COALESCE(${NEXT_START}, ${Number.MAX_SAFE_INTEGER}))
       WHERE stop_at IS NULL OR stop_at > ${NEXT_START}`,
    );
    this.#connection.exec('COMMIT');
  }

  /** Removes everything. */
  close(): void {
    if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK');
    this.#connection.exec('DETACH staging');
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    // Sorting is stable: those that start at the same time stay in the order of the document.
    for (const row of this.#batch.sort((a, b) => a[0] - b[0] || a[1] - b[1])) this.#addProgramme.run(...row);
    this.#batch = [];
  }

  #idOf(xmltvId: string): number {
    const known = this.#ids.get(xmltvId);
    if (known !== undefined) return known;
    const id = this.#ids.size + 1;
    this.#ids.set(xmltvId, id);
    this.#addChannel.run(id, xmltvId, '[]');
    return id;
  }
}
