/** Takes over the addresses of lists of channels and of programme guides. */
import { checkedName, checkedWebAddress } from '../catalog/checks.ts';
import type { Database } from '../catalog/database.ts';
import { SluiceError } from '../shared/errors.ts';
import type { LegacyRow, LegacyRows } from './legacy-database.ts';
import type { Report } from './report.ts';
import { flagOf, textOf } from './values.ts';

const DAY_S = 86_400;

interface Target {
  from: 'scraper_urls' | 'epg_sources';
  find: string;
  insert: string;
  enabled: (row: LegacyRow) => boolean;
}

const LISTS: Target = {
  from: 'scraper_urls',
  find: 'SELECT 1 FROM imports WHERE url = ?',
  insert: "INSERT INTO imports (kind, name, url, enabled, interval_s) VALUES ('m3u', ?, ?, ?, ?)",
  // What they hold is among the channels that moved in; reading them would add it all again, under other ids.
  enabled: () => false,
};

const GUIDES: Target = {
  from: 'epg_sources',
  find: 'SELECT 1 FROM guide_sources WHERE url = ?',
  insert: 'INSERT INTO guide_sources (name, url, enabled, interval_s) VALUES (?, ?, ?, ?)',
  enabled: row => flagOf(row.is_enabled ?? row.enabled ?? row.is_active, true),
};

/** Takes both over. Lists of channels come in disabled. */
export function moveLists(connection: Database['connection'], rows: LegacyRows, report: Report): void {
  for (const target of [LISTS, GUIDES])
    for (const row of rows[target.from] ?? []) move(connection, target, row, report);
}

function move(connection: Database['connection'], target: Target, row: LegacyRow, report: Report): void {
  try {
    const checked = checkedWebAddress('The address', textOf(row.url) ?? null);
    if (checked === null) {
      report.skip(target.from, row, 'it has no address');
      return;
    }
    const { href, host } = new URL(checked);
    if (connection.prepare(target.find).get(href) !== undefined) {
      report.count(target.from, 'merged');
      return;
    }
    const name = checkedName('The name', textOf(row.name) ?? host);
    connection.prepare(target.insert).run(name, href, Number(target.enabled(row)), DAY_S);
    report.count(target.from, 'moved');
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    report.skip(target.from, row, error.message);
  }
}
