/** What players ask `player_api.php` for, by all the names they use for it. */

/** An action that has an answer of its own; any other is answered like a login. */
export type Action =
  | 'get_live_categories'
  | 'get_vod_categories'
  | 'get_series_categories'
  | 'get_live_streams'
  | 'get_vod_streams'
  | 'get_series'
  | 'get_vod_info'
  | 'get_series_info'
  | 'get_short_epg'
  | 'get_simple_data_table'
  | 'get_epg';

const NAMES: Readonly<Record<string, Action>> = {
  get_live_categories: 'get_live_categories',
  get_vod_categories: 'get_vod_categories',
  get_series_categories: 'get_series_categories',
  get_live_streams: 'get_live_streams',
  get_vod_streams: 'get_vod_streams',
  get_series: 'get_series',
  get_vod_info: 'get_vod_info',
  get_series_info: 'get_series_info',
  get_short_epg: 'get_short_epg',
  get_simple_data_table: 'get_simple_data_table',
  // A misspelling that has spread from player to player.
  get_simple_date_table: 'get_simple_data_table',
  get_epg: 'get_epg',
  200: 'get_vod_categories',
  201: 'get_live_categories',
  202: 'get_live_streams',
  203: 'get_vod_streams',
  204: 'get_series_info',
  205: 'get_short_epg',
  206: 'get_series_categories',
  207: 'get_simple_data_table',
  208: 'get_series',
  209: 'get_vod_info',
};

/** The action behind a name; undefined for a login, which all names stand for that nobody knows. */
export function actionOf(name: string | undefined): Action | undefined {
  const key = (name ?? '').trim().toLowerCase();
  return Object.hasOwn(NAMES, key) ? NAMES[key] : undefined;
}
