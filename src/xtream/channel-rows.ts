/** A channel in each of the lists that players read. Pure: jobs use it in their own thread. */

/** A channel as lists show it. */
export interface ListedChannel {
  readonly id: number;
  readonly name: string;
  /** The number viewers dial; null where nobody gave one. */
  readonly number: number | null;
  /** Place in the list of all channels, from 1. */
  readonly place: number;
  readonly categoryId: number;
  readonly categoryName: string;
  readonly logoUrl: string | null;
  /** What guide and lists know it by. */
  readonly guideId: string;
  /** Unix seconds. */
  readonly addedAt: number;
}

/** A number for `num`, which must be there and whole: the dialled one, or the place in the list. */
const numberOf = ({ number, place }: ListedChannel): number =>
  number !== null && Number.isInteger(number) && number > 0 ? number : place;

/** An entry of `get_live_streams`. */
export function liveRow(channel: ListedChannel): string {
  return JSON.stringify({
    num: numberOf(channel),
    name: channel.name,
    stream_type: 'live',
    stream_id: channel.id,
    stream_icon: channel.logoUrl ?? '',
    epg_channel_id: channel.guideId,
    added: String(channel.addedAt),
    category_id: String(channel.categoryId),
    category_ids: [channel.categoryId],
    custom_sid: '',
    tv_archive: 0,
    direct_source: '',
    tv_archive_duration: 0,
    thumbnail: '',
  });
}

/** A member of `available_channels`, with its key. */
export function panelEntry(channel: ListedChannel): string {
  const value = {
    num: numberOf(channel),
    name: channel.name,
    stream_type: 'live',
    type_name: 'Live Streams',
    stream_id: String(channel.id),
    stream_icon: channel.logoUrl ?? '',
    epg_channel_id: channel.guideId,
    added: String(channel.addedAt),
    category_name: channel.categoryName,
    category_id: String(channel.categoryId),
    series_no: null,
    live: '1',
    container_extension: 'ts',
    custom_sid: '',
    tv_archive: 0,
    direct_source: '',
    tv_archive_duration: 0,
  };
  return `"${channel.id}":${JSON.stringify(value)}`;
}

/**
 * A text as it may stand in a line of a playlist: parsers find the end of a value by its quotation mark, and the end of
 * an entry by the end of its line, however that is written.
 */
function inline(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replaceAll('"', "'")
    .trim();
}

/** An address as it may stand between quotation marks. */
const inlineUrl = (url: string): string =>
  url
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, '')
    .trim()
    .replaceAll('"', '%22')
    .replaceAll(/\s/g, '%20');

const titleOf = (channel: ListedChannel): string => inline(channel.name) || `Channel ${channel.id}`;

/** A channel's line in an extended playlist; the line with the address follows. */
export function playlistEntry(channel: ListedChannel): string {
  const title = titleOf(channel);
  const number = channel.number === null ? '' : ` tvg-chno="${channel.number}"`;
  return (
    `#EXTINF:-1 tvg-id="${inline(channel.guideId)}" tvg-name="${title}"${number}` +
    ` tvg-logo="${inlineUrl(channel.logoUrl ?? '')}" group-title="${inline(channel.categoryName)}",${title}\r\n`
  );
}

/** A channel's line in a playlist without attributes. */
export function plainPlaylistEntry(channel: ListedChannel): string {
  return `#EXTINF:-1,${titleOf(channel)}\r\n`;
}
