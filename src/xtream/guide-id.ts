/**
 * The id that a channel has in the lists, the playlist and the guide alike: what its own list knows it by, or else one
 * made of its number in the catalogue.
 */
export function guideIdOf({ id, guide_id }: { id: number; guide_id: string | null }): string {
  const own = guide_id?.trim() ?? '';
  return own === '' ? `c${id}.sluice` : own;
}
