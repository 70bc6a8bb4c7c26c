/** Writes XMLTV that every checker accepts: channels first, each with programmes, texts without what XML can't have. */
import { formatXmltvTime } from '../../../src/guide/xmltv-time.ts';

/** A channel to write. */
export interface WrittenChannel {
  readonly id: string;
  readonly names: readonly string[];
  readonly iconUrl: string | null;
}

/** A programme to write. */
export interface WrittenProgramme {
  readonly start_at: number;
  readonly stop_at: number;
  readonly title: string;
  readonly subtitle: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly icon_url: string | null;
}

/** How a document begins. */
export const XMLTV_HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tv SYSTEM "xmltv.dtd">\n<tv generator-info-name="Sluice">\n';
/** How it ends. */
export const XMLTV_TAIL = '</tv>\n';

/** A channel element. */
export function channelXml({ id, names, iconUrl }: WrittenChannel): string {
  const lines = names.map(name => `<display-name>${escaped(name)}</display-name>`);
  return `<channel id="${escaped(id)}">${lines.join('')}${icon(iconUrl)}</channel>\n`;
}

/** A programme element; its parts are in the order that the format prescribes. */
export function programmeXml(channelId: string, programme: WrittenProgramme): string {
  const { start_at, stop_at, title, subtitle, description, category, icon_url } = programme;
  return (
    `<programme start="${formatXmltvTime(start_at)}" stop="${formatXmltvTime(stop_at)}" channel="${escaped(channelId)}">` +
    `<title>${escaped(title)}</title>${part('sub-title', subtitle)}${part('desc', description)}` +
    `${part('category', category)}${icon(icon_url)}</programme>\n`
  );
}

function part(name: string, text: string | null): string {
  return text === null || text === '' ? '' : `<${name}>${escaped(text)}</${name}>`;
}

function icon(url: string | null): string {
  return url === null || !/^https?:\/\//i.test(url) ? '' : `<icon src="${escaped(url)}"/>`;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const NOT_OF_XML =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escaped(text: string): string {
  return text.replace(NOT_OF_XML, '').replace(/[&<>"]/g, character => ESCAPES[character]!);
}
