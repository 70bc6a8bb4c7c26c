/** Where the catalogue of a gateway lies; part of the composition root. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Database, openDatabase } from './catalog/database.ts';
import { databasePath } from './catalog/database-path.ts';
import type { Config } from './config/load.ts';
import type { Demo } from './demo/demo.ts';
import { DemoCatalogue, isUnused } from './demo/demo-catalogue.ts';

/** The catalogue of this gateway: the demo's only where nobody has one of their own, because it would hide that. */
export async function openHome(config: Config, demo: Demo | undefined): Promise<Database | DemoCatalogue> {
  const file = databasePath(config.databaseUrl, config.dataDir);
  const listed = config.scraperUrls.length + config.epgSources.length;
  if (demo !== undefined && listed === 0 && isUnused(file)) return DemoCatalogue.create(demo.contents);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  return openDatabase(file);
}
