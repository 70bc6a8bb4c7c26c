/** What of a record is kept. */
import { parseXmltvTime } from '../../../src/guide/xmltv-time.ts';
import type { RecordChild, RecordElement } from './record-reader.ts';

/** A channel as its guide describes it. */
export interface GuideChannel {
  readonly xmltvId: string;
  readonly names: readonly string[];
  readonly iconUrl: string | null;
}

/** A programme as its guide describes it; times are unix seconds. */
export interface GuideProgramme {
  readonly xmltvId: string;
  readonly startAt: number;
  /** Undefined where the guide leaves it to the next programme. */
  readonly stopAt: number | undefined;
  readonly title: string;
  readonly subtitle: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly iconUrl: string | null;
}

const MAX_ID_CHARS = 256;
const MAX_NAMES = 16;
const MAX_LINE_CHARS = 500;
const MAX_DESCRIPTION_CHARS = 8_000;
const MAX_URL_CHARS = 2_000;

/** @returns undefined when there is no usable id */
export function toChannel({ attributes, children }: RecordElement): GuideChannel | undefined {
  const xmltvId = idOf(attributes.id);
  if (xmltvId === undefined) return undefined;
  const names = children.filter(({ name }) => name === 'display-name').map(({ text }) => line(text, MAX_LINE_CHARS));
  return { xmltvId, names: [...new Set(names.filter(Boolean))].slice(0, MAX_NAMES), iconUrl: iconOf(children) };
}

/**
 * @param languages which one to prefer where a text comes in several; the guide's first if none fits
 * @returns undefined when channel, start or title are missing, or it ends before it starts
 */
export function toProgramme(
  { attributes, children }: RecordElement,
  languages: readonly string[],
): GuideProgramme | undefined {
  const xmltvId = idOf(attributes.channel);
  const startAt = parseXmltvTime(attributes.start ?? '');
  const stopAt = parseXmltvTime(attributes.stop ?? '');
  const title = textOf(children, 'title', languages, MAX_LINE_CHARS);
  if (xmltvId === undefined || startAt === undefined || title === null) return undefined;
  if (stopAt !== undefined && stopAt <= startAt) return undefined;
  return {
    xmltvId,
    startAt,
    stopAt,
    title,
    subtitle: textOf(children, 'sub-title', languages, MAX_LINE_CHARS),
    description: textOf(children, 'desc', languages, MAX_DESCRIPTION_CHARS),
    category: textOf(children, 'category', languages, MAX_LINE_CHARS),
    iconUrl: iconOf(children),
  };
}

function idOf(text: string | undefined): string | undefined {
  const id = text?.trim() ?? '';
  return id === '' || id.length > MAX_ID_CHARS ? undefined : id;
}

function iconOf(children: readonly RecordChild[]): string | null {
  for (const { name, attributes } of children) {
    const url = name === 'icon' ? attributes.src?.trim() : undefined;
    if (url !== undefined && url.length <= MAX_URL_CHARS && /^https?:\/\/\S+$/i.test(url)) return url;
  }
  return null;
}

/** The text of one kind of child, in the best of its languages; null where there is none. */
function textOf(
  children: readonly RecordChild[],
  kind: string,
  languages: readonly string[],
  maxChars: number,
): string | null {
  let best: string | null = null;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const { name, attributes, text } of children) {
    if (name !== kind) continue;
    const rank = rankOf(attributes.lang ?? attributes['xml:lang'], languages);
    if (best !== null && rank >= bestRank) continue;
    const written = line(text, maxChars);
    if (written === '') continue;
    best = written;
    bestRank = rank;
  }
  return best;
}

/** Place among the preferred languages; `es` is also what `es-MX` fits. */
function rankOf(language: string | undefined, languages: readonly string[]): number {
  const tag = language?.toLowerCase() ?? '';
  const place = languages.findIndex(
    wanted => tag === wanted || tag.startsWith(`${wanted}-`) || tag.startsWith(`${wanted}_`),
  );
  return place === -1 ? languages.length : place;
}

/** One line of bounded length that ends with a whole character. */
function line(text: string, maxChars: number): string {
  const single = text.replace(/\s+/g, ' ').trim();
  return single.length <= maxChars
    ? single
    : single
        .slice(0, maxChars - 1)
        .replace(/[\ud800-\udbff]$/, '')
        .concat('…');
}
