/** What a move does, or would do. */
import { LEGACY_TABLES, type LegacyRow, type LegacyTable } from './legacy-database.ts';
import { integerOf, textOf } from './values.ts';

/** What became of the rows of one table. */
export interface Counts {
  read: number;
  moved: number;
  /** Those that are here already under the same name or address. */
  merged: number;
  skipped: number;
}

/** Something about one row that an administrator should know. */
export interface Remark {
  readonly table: LegacyTable;
  /** Its id and name; never an address or a hash, which may be secrets. */
  readonly row: string;
  readonly text: string;
}

/** Collects what becomes of every row. */
export class Report {
  readonly counts: Readonly<Record<LegacyTable, Counts>>;
  readonly remarks: Remark[] = [];
  /** Rows that can't be taken over because something else has their place; one is enough to stop it all. */
  readonly conflicts: Remark[] = [];

  constructor() {
    const none = (): Counts => ({ read: 0, moved: 0, merged: 0, skipped: 0 });
    this.counts = Object.fromEntries(LEGACY_TABLES.map(table => [table, none()])) as Record<LegacyTable, Counts>;
  }

  /** Counts a row. */
  count(table: LegacyTable, outcome: Exclude<keyof Counts, 'read'>): void {
    this.counts[table].read++;
    this.counts[table][outcome]++;
  }

  /** Counts a row that stays behind, and says why. */
  skip(table: LegacyTable, row: LegacyRow, text: string): void {
    this.count(table, 'skipped');
    this.remark(table, row, `left out: ${text}`);
  }

  /** Says something about a row. */
  remark(table: LegacyTable, row: LegacyRow, text: string): void {
    this.remarks.push({ table, row: nameOf(row), text });
  }

  /** Says what is in the way of a row. */
  conflict(table: LegacyTable, row: LegacyRow, text: string): void {
    this.count(table, 'skipped');
    this.conflicts.push({ table, row: nameOf(row), text });
  }
}

function nameOf(row: LegacyRow): string {
  const id = integerOf(row.id);
  const name = textOf(row.name) ?? textOf(row.username);
  return [
    id === undefined ? 'without an id' : String(id),
    ...(name === undefined ? [] : [`'${name.slice(0, 80)}'`]),
  ].join(' ');
}
