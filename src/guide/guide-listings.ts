/** What is on. Every question is one read of an index, because players ask for hundreds of channels at once. */
import type { Database } from '../catalog/database.ts';

/** A programme of a channel; times are unix seconds. */
export interface GuideListing {
  /** Different for every programme of a channel, and the same as long as it starts when it does. Fits 31 bits. */
  readonly id: number;
  readonly guideChannelId: number;
  readonly startAt: number;
  readonly stopAt: number;
  readonly title: string;
  readonly subtitle: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly iconUrl: string | null;
}

/** What is on now, and what comes next; null where the guide doesn't know. */
export interface NowNext {
  readonly now: GuideListing | null;
  readonly next: GuideListing | null;
}

/** Which programmes of a channel are wanted: those that are on at some time between two. */
export interface ListingQuery {
  fromS?: number | undefined;
  toS?: number | undefined;
  limit?: number | undefined;
}

const COLUMNS = `p.guide_channel_id AS guideChannelId, p.start_at AS startAt, p.stop_at AS stopAt, p.title, p.subtitle,
  p.description, p.category, p.icon_url AS iconUrl`;
/** Where to begin in the index: programmes don't overlap, so only the last one that began before may still be on. */
const BEGUN = `(SELECT MAX(q.start_at) FROM programmes AS q
  WHERE q.guide_channel_id = m.guide_channel_id AND q.start_at <= @fromS)`;

/** Longest list that one question gets. */
const MAX_LISTINGS = 5_000;
/** Ids count minutes: they fit 31 bits until the year 6000, which some players insist on. */
const ID_UNIT_S = 60;

/** Reads programmes. */
export class GuideListings {
  readonly #nowNext;
  readonly #programmes;

  constructor({ connection }: Pick<Database, 'connection'>) {
    this.#nowNext = connection.prepare(
      `SELECT m.channel_id AS channelId, ${COLUMNS}
       FROM json_each(@ids) AS j CROSS JOIN guide_mappings AS m ON m.channel_id = j.value
       CROSS JOIN programmes AS p ON p.guide_channel_id = m.guide_channel_id
         AND p.start_at IN (${BEGUN}, (SELECT MIN(q.start_at) FROM programmes AS q
           WHERE q.guide_channel_id = m.guide_channel_id AND q.start_at > @fromS))
       WHERE p.stop_at > @fromS`,
    );
    this.#programmes = connection.prepare(
      `SELECT ${COLUMNS}
       FROM guide_mappings AS m CROSS JOIN programmes AS p ON p.guide_channel_id = m.guide_channel_id
         AND p.start_at >= COALESCE(${BEGUN}, @fromS) AND p.start_at < @toS
       WHERE m.channel_id = @channelId AND p.stop_at > @fromS ORDER BY p.start_at LIMIT @limit`,
    );
  }

  /** What is on, for each channel that has a guide. */
  nowNext(channelIds: readonly number[], nowS: number): Map<number, NowNext> {
    const rows = this.#nowNext.all({ ids: JSON.stringify(channelIds), fromS: nowS }) as (ListingRow & {
      channelId: number;
    })[];
    const found = new Map<number, NowNext>();
    for (const { channelId, ...row } of rows) {
      const { now, next } = found.get(channelId) ?? { now: null, next: null };
      const listing = listingOf(row);
      found.set(channelId, row.startAt <= nowS ? { now: listing, next } : { now, next: listing });
    }
    return found;
  }

  /** Programmes of a channel in their order; none for a channel without guide. */
  programmes(
    channelId: number,
    { fromS = 0, toS = Number.MAX_SAFE_INTEGER, limit = MAX_LISTINGS }: ListingQuery = {},
  ): GuideListing[] {
    const rows = this.#programmes.all({ channelId, fromS, toS, limit: Math.max(0, Math.min(limit, MAX_LISTINGS)) });
    return (rows as ListingRow[]).map(listingOf);
  }
}

type ListingRow = Omit<GuideListing, 'id'>;

function listingOf({
  guideChannelId,
  startAt,
  stopAt,
  title,
  subtitle,
  description,
  category,
  iconUrl,
}: ListingRow): GuideListing {
  const id = Math.floor(startAt / ID_UNIT_S);
  return { id, guideChannelId, startAt, stopAt, title, subtitle, description, category, iconUrl };
}
