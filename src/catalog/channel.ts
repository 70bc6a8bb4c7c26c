/** What a channel is, and how it lies in the tables. */
import type { StreamAddress } from '../shared/stream-address.ts';
import type { Row } from './tables.ts';

/** One place where a channel can be read. */
export interface ChannelSource {
  readonly id: number;
  /** From 0; the lowest is tried first. */
  readonly rank: number;
  readonly enabled: boolean;
  readonly spec: StreamAddress;
  /** The import that brought it; null for one added by hand. */
  readonly importId: number | null;
}

/** A TV channel without its sources, as lists show it. */
export interface ChannelEntry {
  /** For life: it is never given to another channel. */
  readonly id: number;
  readonly name: string;
  readonly number: number | null;
  readonly categoryId: number;
  readonly logoUrl: string | null;
  /** What guides know it by. */
  readonly guideId: string | null;
  /** Whether viewers get it. */
  readonly enabled: boolean;
  /** Whether it is not enabled because its list has it no more; it is enabled again when it comes back. */
  readonly missing: boolean;
  /** Orders channels; what lies between two numbers means nothing. */
  readonly position: number;
  readonly importId: number | null;
  /** Columns that were changed by hand, which imports leave alone. */
  readonly edited: readonly EditedColumn[];
  /** Unix seconds. */
  readonly addedAt: number;
  readonly updatedAt: number;
  /** Counts changes, for optimistic concurrency. */
  readonly version: number;
}

/** A TV channel. */
export interface Channel extends ChannelEntry {
  /** In the order in which they are tried. */
  readonly sources: readonly ChannelSource[];
}

/** A source as it is given. */
export interface SourceInput {
  spec: StreamAddress;
  enabled?: boolean;
}

/** A channel's fields as they are given. */
export interface ChannelFields {
  name: string;
  number: number | null;
  categoryId: number;
  logoUrl: string | null;
  guideId: string | null;
  enabled: boolean;
}

/** A new channel; without a category it is uncategorized. */
export type ChannelInput = Pick<ChannelFields, 'name'> & Partial<ChannelFields> & { sources?: readonly SourceInput[] };

/** The column of each field. */
export const COLUMNS = {
  name: 'name',
  number: 'number',
  categoryId: 'category_id',
  logoUrl: 'logo_url',
  guideId: 'guide_id',
  enabled: 'enabled',
} as const satisfies Record<keyof ChannelFields, keyof Row<'channels'>>;

/** A column, or `sources` as a whole, that imports leave alone once it was changed by hand. */
export type EditedColumn = (typeof COLUMNS)[keyof typeof COLUMNS] | 'position' | 'sources';

/** A channel without its sources. */
export function entryOf(row: Row<'channels'>): ChannelEntry {
  const edited = JSON.parse(row.edited) as EditedColumn[];
  const enabled = row.enabled !== 0;
  return {
    id: row.id,
    name: row.name,
    number: row.number,
    categoryId: row.category_id,
    logoUrl: row.logo_url,
    guideId: row.guide_id,
    enabled,
    missing: !enabled && row.import_id !== null && !edited.includes('enabled'),
    position: row.position,
    importId: row.import_id,
    edited,
    addedAt: row.added_at,
    updatedAt: row.updated_at,
    version: row.version,
  };
}

/** A source; its rank is its place, whatever number keeps it there. */
export function sourceOf(row: Row<'sources'>, rank: number): ChannelSource {
  return { id: row.id, rank, enabled: row.enabled !== 0, spec: addressOf(row), importId: row.import_id };
}

function addressOf({ kind, selector, value, options }: Row<'sources'>): StreamAddress {
  const named = JSON.parse(options) as Record<string, string>;
  return kind === 'engine'
    ? { kind, selector: { kind: selector ?? 'content_id', value }, options: named }
    : { kind, url: value, headers: named };
}

/** An address as it lies in the tables. Equal addresses give equal texts. */
export function columnsOf(address: StreamAddress): Pick<Row<'sources'>, 'kind' | 'selector' | 'value' | 'options'> {
  switch (address.kind) {
    case 'engine': {
      const { kind, selector, options } = address;
      return { kind, selector: selector.kind, value: selector.value, options: sorted(options) };
    }
    case 'http':
      return { kind: address.kind, selector: null, value: address.url, options: sorted(address.headers) };
    default:
      return address satisfies never;
  }
}

function sorted(fields: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))));
}
