import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Database, openDatabase } from '../../../src/catalog/database.ts';
import { guideIdOf } from '../../../src/guide/guide-id.ts';
import type { ChannelSelection, ExportAnswer, ExportRequest } from '../../../src/guide/guide-job.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { channelXml, programmeXml, type WrittenProgramme, XMLTV_HEAD, XMLTV_TAIL } from '../xmltv/xmltv-writer.ts';

interface ChannelRow {
  id: number;
  name: string;
  guideId: string | null;
  iconUrl: string | null;
  guideChannelId: number;
}

/** A channel of the document. Several channels may go by one id, as a picture in HD and one in SD do. */
interface Entry {
  names: string[];
  iconUrl: string | null;
  guideChannelId: number;
}

type Link = JobLink<unknown>;

const BUFFER_CHARS = 256 << 10;

/** Writes a document of the channels that have a guide, and the same packed. */
export async function exportGuide(
  { database, selection, fromS, toS, path: base }: ExportRequest,
  link: Link,
): Promise<ExportAnswer> {
  mkdirSync(path.dirname(base), { recursive: true });
  const plain = `${base}.xml`;
  const packed = `${base}.xml.gz`;
  try {
    const written = await writePlain(database, selection, { fromS, toS }, plain, link);
    await pipeline(createReadStream(plain, { highWaterMark: BUFFER_CHARS }), createGzip(), createWriteStream(packed), {
      signal: link.signal,
    });
    return { ...written, bytes: statSync(plain).size, gzipBytes: statSync(packed).size };
  } catch (error) {
    rmSync(plain, { force: true });
    rmSync(packed, { force: true });
    throw error;
  }
}

async function writePlain(
  database: string,
  selection: ChannelSelection,
  window: { fromS: number; toS: number },
  file: string,
  link: Link,
): Promise<{ channels: number; programmes: number; digest: string }> {
  const catalog = openDatabase(database);
  const output = new HashedFile(file);
  try {
    // One transaction, so that channels and programmes are of the same moment.
    return catalog.connection.transaction(() => {
      const entries = entriesOf(catalog.connection, selection, window);
      output.write(XMLTV_HEAD);
      for (const [id, entry] of entries) output.write(channelXml({ id, ...entry }));
      let programmes = 0;
      const ofChannel = catalog.connection.prepare(
        `SELECT start_at, stop_at, title, subtitle, description, category, icon_url FROM programmes
         WHERE guide_channel_id = @guideChannelId AND start_at < @toS AND stop_at > @fromS ORDER BY start_at`,
      );
      for (const [id, { guideChannelId }] of entries) {
        link.throwIfStopped();
        for (const row of ofChannel.all({ guideChannelId, ...window }) as WrittenProgramme[]) {
          output.write(programmeXml(id, row));
          programmes++;
        }
      }
      output.write(XMLTV_TAIL);
      return { channels: entries.size, programmes, digest: output.finish() };
    })();
  } finally {
    output.close();
    await catalog.close();
  }
}

/** Channels by the id that players know them by, in their order; only those that have programmes. */
function entriesOf(
  connection: Database['connection'],
  selection: ChannelSelection,
  window: { fromS: number; toS: number },
): Map<string, Entry> {
  const { where, values } = selectionPart(selection);
  const rows = connection
    .prepare(
      `SELECT c.id, c.name, c.guide_id AS guideId, COALESCE(c.logo_url, g.icon_url) AS iconUrl,
         m.guide_channel_id AS guideChannelId
       FROM channels AS c
       JOIN guide_mappings AS m ON m.channel_id = c.id
       JOIN guide_channels AS g ON g.id = m.guide_channel_id
       WHERE c.enabled = 1 AND ${where} AND EXISTS (SELECT 1 FROM programmes AS p
         WHERE p.guide_channel_id = m.guide_channel_id AND p.start_at < @toS AND p.stop_at > @fromS)
       ORDER BY c.position, c.id`,
    )
    .all({ ...values, ...window }) as ChannelRow[];
  const entries = new Map<string, Entry>();
  for (const { name, iconUrl, guideChannelId, ...channel } of rows) {
    const id = guideIdOf(channel);
    const entry = entries.get(id);
    if (entry === undefined) entries.set(id, { names: [name], iconUrl, guideChannelId });
    else if (!entry.names.includes(name)) entry.names.push(name);
  }
  return entries;
}

function selectionPart(selection: ChannelSelection): { where: string; values: Record<string, string> } {
  if (selection === 'all') return { where: 'true', values: {} };
  return 'categoryIds' in selection
    ? {
        where: 'c.category_id IN (SELECT value FROM json_each(@ids))',
        values: { ids: JSON.stringify(selection.categoryIds) },
      }
    : { where: 'c.id IN (SELECT value FROM json_each(@ids))', values: { ids: JSON.stringify(selection.channelIds) } };
}

/** A file that is written from its beginning, with a digest of what is in it. */
class HashedFile {
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  #text: string[] = [];
  #chars = 0;

  constructor(file: string) {
    this.#descriptor = openSync(file, 'w', 0o600);
  }

  write(text: string): void {
    this.#text.push(text);
    this.#chars += text.length;
    if (this.#chars >= BUFFER_CHARS) this.#flush();
  }

  finish(): string {
    this.#flush();
    return this.#hash.digest('base64url');
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text.join(''));
    this.#text = [];
    this.#chars = 0;
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
  }
}
