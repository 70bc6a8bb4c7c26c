/**
 * By what a channel of a list is known again when the list is read anew, and which entries are one channel.
 *
 * Entries of the same name and group are one channel with several addresses. Where a list gives ids of guides, a remark
 * behind the name, such as the number of a mirror or who provides it, makes no other channel of it; a mark of quality
 * does, because viewers choose by it. The id of the guide alone joins nothing: lists give one id to all qualities.
 */
import type { ListEntry } from '../list-entry.ts';

/** The parts of an identity, in the way in which they are compared. */
export interface Identity {
  /** All of it as one text. */
  key: string;
  name: string;
  group: string;
  guide: string;
}

const REMARKS = [
  / *(?:-->|->|→|»).*$/u, // "News HD --> PROVIDER"
  / *[([](?:backup|alt(?:ernative)?|mirror|opci[oó]n|option|source|src|link|server|fuente|v)?[ .:#-]*\d{0,2}[)\]]$/iu,
  / +(?:#\d{1,2}|(?:backup|mirror|opci[oó]n|option|alt)[ .:#-]*\d{0,2})$/iu,
];

/** How texts are compared: in any case and spacing. */
export function comparable(text: string | null): string {
  return (text ?? '').normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

/** A name without remarks that say which mirror this is; never empty. */
export function baseName(name: string): string {
  let base = name;
  for (const remark of REMARKS) {
    const shorter = base.replace(remark, '').trim();
    if (shorter !== '') base = shorter;
  }
  return base;
}

/** The identity of an entry. */
export function identityOf({ name, group, guideId }: Pick<ListEntry, 'name' | 'group' | 'guideId'>): Identity {
  const guide = comparable(guideId);
  const parts = { name: comparable(guide === '' ? name : baseName(name)), group: comparable(group), guide };
  return { key: JSON.stringify([parts.name, parts.group, parts.guide]), ...parts };
}
