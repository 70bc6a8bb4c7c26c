import { type GuideChannel, type GuideProgramme, XmltvParser } from '../../../workers/jobs/xmltv/xmltv-parser.ts';

/** All that a parser makes of a document. */
export interface ParsedGuide {
  channels: GuideChannel[];
  programmes: GuideProgramme[];
  skipped: number;
  endedWell: boolean;
}

/** Parses a whole document, in chunks of `chunkBytes`. */
export function parseGuide(
  document: string | Uint8Array,
  { languages = [], chunkBytes = 1 << 20 }: { languages?: string[]; chunkBytes?: number } = {},
): ParsedGuide {
  const bytes = typeof document === 'string' ? Buffer.from(document) : document;
  const channels: GuideChannel[] = [];
  const programmes: GuideProgramme[] = [];
  const parser = new XmltvParser(languages, {
    channel: channel => void channels.push(channel),
    programme: programme => void programmes.push(programme),
  });
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.write(bytes.subarray(at, at + chunkBytes));
  const { endedWell } = parser.end();
  return { channels, programmes, skipped: parser.skipped, endedWell };
}

/** A whole document around some records. */
export const tv = (...records: string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tv SYSTEM "xmltv.dtd">\n<tv generator-info-name="test">\n${records.join('\n')}\n</tv>\n`;

/** Text as XML has it in content and attributes. */
export const xml = (text: string): string => text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`);

/** A programme element. */
export function programmeXml(
  channel: string,
  start: string,
  stop: string | undefined,
  title: string,
  more = '',
): string {
  const end = stop === undefined ? '' : ` stop="${stop}"`;
  return `<programme start="${start}"${end} channel="${xml(channel)}"><title>${xml(title)}</title>${more}</programme>`;
}
