/** Writes a list of all channels. A catalogue of 50 000 takes a part of a second here, and nothing of the front's time. */
import { gzipSync } from 'node:zlib';
import { openDatabase } from '../../src/catalog/database.ts';
import { guideIdOf } from '../../src/guide/guide-id.ts';
import { GZIP_OPTIONS, LIST_FORMS, type ListRequest, type WrittenList } from '../../src/xtream/list-kinds.ts';
import { RowTableWriter } from '../../src/xtream/row-table.ts';

/** The channels that players see, in the order in which they see them. */
const CHANNELS = `
  SELECT channels.id, channels.name, number, category_id AS categoryId, categories.name AS categoryName,
    logo_url AS logoUrl, guide_id AS guideId, added_at AS addedAt
  FROM channels JOIN categories ON categories.id = category_id
  WHERE enabled = 1
  ORDER BY channels.position, channels.id`;

interface ChannelRow {
  id: number;
  name: string;
  number: number | null;
  categoryId: number;
  categoryName: string;
  logoUrl: string | null;
  guideId: string | null;
  addedAt: number;
}

/** The job. */
export default async function writeList({ request }: { request: ListRequest }): Promise<WrittenList> {
  const { databasePath, kind } = request;
  const form = LIST_FORMS[kind];
  const writer = new RowTableWriter(form);
  const database = openDatabase(databasePath);
  try {
    let place = 0;
    for (const row of database.connection.prepare(CHANNELS).iterate() as Iterable<ChannelRow>) {
      place++;
      writer.add(form.row({ ...row, place, guideId: guideIdOf(row) }), row.id, row.categoryId);
    }
  } finally {
    await database.close();
  }
  const table = writer.finish();
  return { table, gzip: form.sentWhole ? gzipSync(table.bytes, GZIP_OPTIONS) : null };
}
