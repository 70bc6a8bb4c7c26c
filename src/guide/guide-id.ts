/** What a guide id is made of; channels of the catalogue fit. */
export interface GuideIdSource {
  readonly id: number;
  /** `tvg-id` of the list that the channel came from. */
  readonly guideId: string | null;
}

/**
 * The one id by which all outputs name a channel to players: `<channel id>` of XMLTV, `epg_channel_id` of the lists and
 * `tvg-id` of playlists. Players that find different ones show no guide.
 */
export function guideIdOf({ id, guideId }: GuideIdSource): string {
  const own = guideId?.trim() ?? '';
  // Checkers of XMLTV want a dot in it.
  return own === '' ? `c${id}.sluice` : own;
}
