/** What the actions of `player_api.php` answer, for somebody who is logged in. */
import { type ListingContext, legacyListing, limitOf, listing } from './guide-rows.ts';
import type { EncodedBody } from './lists.ts';
import { type Credentials, loginBody, type PublicOrigin } from './login.ts';
import { mayWatch, type ProgrammeWindow, type Standing, type XtreamAccount, type XtreamProgramme } from './ports.ts';
import { categoriesFor, type Xtream } from './xtream.ts';

/** Parameters of a request; an empty one counts as not given. */
export type Params = (name: string) => string | undefined;

/** Somebody who is logged in, and what they want. */
export interface Guest {
  readonly credentials: Credentials;
  readonly account: XtreamAccount;
  readonly standing: Standing;
  readonly params: Params;
}

/** Guides draw what began a while ago, too. */
const TABLE_PAST_SECONDS = 86_400;
/** Channels in one answer, where a player asks about several. */
const MAX_CHANNELS = 100;
const DIGITS = /^\d{1,15}$/;

/** User and server, as every login gets them. */
export function loginAnswer(xtream: Xtream, { credentials, account, standing }: Guest, origin: PublicOrigin) {
  const { sessions, clock, nowSeconds, nullExpiry } = xtream;
  return loginBody({
    credentials,
    account,
    standing,
    activeConnections: sessions.activeOf(account.id),
    origin,
    clock,
    nowSeconds: nowSeconds(),
    nullExpiry,
  });
}

/** The categories of live channels. */
export function liveCategories({ catalog }: Xtream, { account, standing }: Guest) {
  if (standing !== 'active') return [];
  return catalog
    .categories()
    .filter(({ id }) => mayWatch(account, id))
    .map(({ id, name }) => ({ category_id: String(id), category_name: name, parent_id: 0 }));
}

/** The live channels, all of them or those of one category. */
export function liveStreams({ lists }: Xtream, { account, standing, params }: Guest): Promise<EncodedBody> {
  const number = (name: string): number => (DIGITS.test(params(name) ?? '') ? Number(params(name)) : 0);
  const categories = standing === 'active' ? categoriesFor(account, params('category_id')) : new Set<number>();
  return lists.select('live', {
    categories,
    offset: number('params[offset]'),
    limit: number('params[items_per_page]'),
  });
}

/** The channels that a player asks about. */
function channelIds({ params }: Guest): number[] {
  const ids = (params('stream_id') ?? '').split(',').map(id => id.trim());
  return ids
    .filter(id => DIGITS.test(id))
    .slice(0, MAX_CHANNELS)
    .map(Number);
}

/** Programmes of one channel, as rows; none for a channel that the account may not see. */
function rowsOf<Row>(
  { catalog, guide, clock, nowSeconds }: Xtream,
  { account, standing }: Guest,
  channelId: number,
  window: ProgrammeWindow,
  row: (programme: XtreamProgramme, context: ListingContext) => Row,
): Row[] {
  const channel = standing === 'active' ? catalog.channel(channelId) : undefined;
  if (!channel?.enabled || !mayWatch(account, channel.categoryId)) return [];
  const context = { channelId, guideId: channel.guideId, clock, nowSeconds: nowSeconds() };
  return guide.programmes(channelId, window).map(programme => row(programme, context));
}

/** What is on now and next: an object by channel where a player asks about several. */
export function shortGuide(xtream: Xtream, guest: Guest): object {
  const ids = channelIds(guest);
  const window = { fromS: xtream.nowSeconds(), limit: limitOf(guest.params('limit')) };
  const of = (id: number) => rowsOf(xtream, guest, id, window, listing);
  if (ids.length > 1 || guest.params('multi') !== undefined)
    return { epg_listings: Object.fromEntries(ids.map(id => [id, of(id)])) };
  return { epg_listings: ids.flatMap(of) };
}

/** Everything that is known about a channel's programme. */
export function wholeGuide(xtream: Xtream, guest: Guest): object {
  const window = { fromS: xtream.nowSeconds() - TABLE_PAST_SECONDS };
  return { epg_listings: channelIds(guest).flatMap(id => rowsOf(xtream, guest, id, window, listing)) };
}

/** The same as the older API has it: a bare list. */
export function legacyGuide(xtream: Xtream, guest: Guest): object {
  const past = guest.params('from_now') === undefined ? TABLE_PAST_SECONDS : 0;
  const window = { fromS: xtream.nowSeconds() - past };
  return channelIds(guest).flatMap(id => rowsOf(xtream, guest, id, window, legacyListing));
}

/** The older API's whole answer: everything at once. */
export async function panel(xtream: Xtream, guest: Guest, origin: PublicOrigin): Promise<Buffer> {
  const categories = { live: liveCategories(xtream, guest), movie: [], series: [] };
  const begin = JSON.stringify({ ...loginAnswer(xtream, guest, origin), categories });
  const allowed = guest.standing === 'active' ? categoriesFor(guest.account, undefined) : new Set<number>();
  const { plain } = await xtream.lists.select('panel', { categories: allowed });
  return Buffer.concat([Buffer.from(`${begin.slice(0, -1)},"available_channels":`), plain, Buffer.from('}')]);
}
