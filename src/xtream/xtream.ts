/** Everything that the Xtream routes work with. */
import type { Lists } from './lists.ts';
import type { CatalogPort, GuidePort, LoginPort, SessionsPort, XtreamAccount } from './ports.ts';
import type { ZonedClock } from './zoned-clock.ts';

/** The parts behind the Xtream routes. */
export interface Xtream {
  readonly logins: LoginPort;
  readonly sessions: SessionsPort;
  readonly catalog: CatalogPort;
  readonly guide: GuidePort;
  readonly lists: Lists;
  /** Times are shown as the clocks of this zone do. */
  readonly clock: ZonedClock;
  /** Unix seconds, whole. */
  readonly nowSeconds: () => number;
  /** See `LoginFacts.nullExpiry`. */
  readonly nullExpiry: boolean;
}

/** Ways to ask for no particular category. */
const NO_FILTER = new Set(['', '0', '*', 'all']);

/**
 * The categories whose channels an answer may hold: those of the account, of which a player may want only one.
 * @param wanted `category_id` as the player sent it
 * @returns null for all there are
 */
export function categoriesFor(
  { categoryIds }: Pick<XtreamAccount, 'categoryIds'>,
  wanted: string | undefined,
): ReadonlySet<number> | null {
  const text = (wanted ?? '').trim().toLowerCase();
  if (NO_FILTER.has(text)) return categoryIds === null ? null : new Set(categoryIds);
  const id = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return new Set(categoryIds === null || categoryIds.includes(id) ? [id] : []);
}
