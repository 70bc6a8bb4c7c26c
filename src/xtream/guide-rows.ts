/** Programmes as players read them. */
import type { XtreamProgramme } from './ports.ts';
import type { ZonedClock } from './zoned-clock.ts';

/** The channel that programmes belong to, and the moment they are shown at. */
export interface ListingContext {
  readonly channelId: number;
  /** The id that lists, playlist and XMLTV share. */
  readonly guideId: string;
  readonly clock: ZonedClock;
  readonly nowSeconds: number;
}

/** One entry of `epg_listings`. */
export interface Listing {
  id: string;
  epg_id: string;
  title: string;
  lang: string;
  start: string;
  end: string;
  description: string;
  channel_id: string;
  start_timestamp: string;
  stop_timestamp: string;
  now_playing: 0 | 1;
  has_archive: 0;
}

/** What `get_short_epg` gives when nobody says how many. */
export const SHORT_LIMIT = 4;
const MAX_LIMIT = 1_000;

const base64 = (text: string | null): string => Buffer.from(text ?? '', 'utf8').toString('base64');

/** Beginning of 2020: seconds since then stay within 31 bits for as long as this matters. */
const ID_EPOCH_SECONDS = 1_577_836_800;
const ID_RANGE = 2 ** 31 - 1;
/** Spreads the ids of channels over the range, so that two channels rarely share an id. */
const ID_STRIDE = 69_621_017;

/**
 * A programme's id: the same at every request, of its own within the channel, and a positive number of 31 bits, because
 * players parse it as one.
 */
function idOf(channelId: number, startAt: number): number {
  const id = (startAt - ID_EPOCH_SECONDS + channelId * ID_STRIDE) % ID_RANGE;
  return id < 0 ? id + ID_RANGE : id;
}

/** A programme as an entry of `epg_listings`. */
export function listing(
  programme: XtreamProgramme,
  { channelId, guideId, clock, nowSeconds }: ListingContext,
): Listing {
  const { startAt, stopAt, title, description } = programme;
  return {
    id: String(idOf(channelId, startAt)),
    epg_id: String(channelId),
    title: base64(title),
    lang: '',
    start: clock.show(startAt),
    end: clock.show(stopAt),
    description: base64(description),
    channel_id: guideId,
    start_timestamp: String(startAt),
    stop_timestamp: String(stopAt),
    now_playing: startAt <= nowSeconds && nowSeconds < stopAt ? 1 : 0,
    has_archive: 0,
  };
}

/** A programme as the older `get_epg` has it: with unix seconds for begin and end. */
export function legacyListing(programme: XtreamProgramme, context: ListingContext) {
  const { start: _, end: __, ...rest } = listing(programme, context);
  return { ...rest, start: programme.startAt, end: programme.stopAt };
}

/** How many programmes are asked for; what is no positive number means the usual few. */
export function limitOf(text: string | undefined): number {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? Math.min(number, MAX_LIMIT) : SHORT_LIMIT;
}
