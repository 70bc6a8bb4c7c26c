/** Times as XMLTV writes them. */

/** Offsets in minutes of the zone names that guides write; names are ambiguous, so these are the usual ones in TV. */
const ZONE_MINUTES: Readonly<Record<string, number>> = {
  Z: 0,
  UTC: 0,
  GMT: 0,
  WET: 0,
  WEST: 60,
  BST: 60,
  CET: 60,
  CEST: 120,
  EET: 120,
  EEST: 180,
  MSK: 180,
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};

/** `20260725190000 +0200` with anything after the day left out, or the same with the punctuation of ISO 8601. */
const TIME =
  /^(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,]\d{1,9})?)?)?)?\s*(?:([+-])(\d\d):?(\d\d)?|([A-Z]{1,4}))?$/i;

/** Years that a guide may be about; anything else is a slip that would survive every cleaning. */
const YEARS = { first: 1980, last: 2199 } as const;
const MAX_OFFSET_MINUTES = 15 * 60;
/** Longer than any spelling of a time; keeps the pattern from being tried on megabytes. */
const MAX_LENGTH = 48;

/**
 * Reads a time. One without an offset is UTC, as the format says.
 * @returns unix seconds, or undefined when there is no such time
 */
export function parseXmltvTime(text: string): number | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const found = TIME.exec(text.trim());
  if (found === null) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(part => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (year < YEARS.first || year > YEARS.last || minute > 59 || second > 60) return undefined;
  // Some guides end a day at 24:00.
  if (hour > 24 || (hour === 24 && minute + second > 0)) return undefined;
  const midnightMs = Date.UTC(year, month - 1, day);
  if (new Date(midnightMs).getUTCDate() !== day || month < 1 || month > 12) return undefined;
  const offset = offsetMinutes(found[7], found[8], found[9], found[10]);
  if (offset === undefined) return undefined;
  return midnightMs / 1000 + hour * 3600 + (minute - offset) * 60 + second;
}

function offsetMinutes(sign?: string, hours?: string, minutes = '0', name?: string): number | undefined {
  if (name !== undefined) return ZONE_MINUTES[name.toUpperCase()];
  if (hours === undefined) return 0;
  const total = Number(hours) * 60 + Number(minutes);
  if (total > MAX_OFFSET_MINUTES || Number(minutes) > 59) return undefined;
  return sign === '-' ? -total : total;
}

/** Writes a time in UTC, which no change of clocks makes ambiguous. */
export function formatXmltvTime(unixS: number): string {
  return `${new Date(unixS * 1000).toISOString().slice(0, 19).replace(/[-T:]/g, '')} +0000`;
}
