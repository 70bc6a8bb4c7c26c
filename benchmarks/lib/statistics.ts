/** Small statistics over arrays of plain numbers. */

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

/** The value at `share` (0..1) of the sorted values (nearest rank, rounded down); null without values. */
export function percentile(values: readonly number[], share: number): number | null {
  return ascending(values)[Math.floor((values.length - 1) * share)] ?? null;
}

/** The middle value, or the mean of the two middle ones; nulls ("could not be measured") are left out. */
export function median(values: readonly (number | null)[]): number | null {
  const sorted = ascending(values.filter(value => value !== null));
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The arithmetic mean; null without values. */
export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The greatest value; null without values. */
export function max(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((greatest, value) => Math.max(greatest, value));
}
