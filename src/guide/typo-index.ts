/** Below this a single letter makes another name. */
const MIN_CHARS = 8;

/**
 * Finds keys that differ from another one by one letter: too many, missing, or wrong. Each key is known by all forms of
 * it that lack one letter, so a search is a few look-ups and no comparison with all others.
 */
export class TypoIndex {
  readonly #byForm = new Map<string, string[]>();

  /** Makes a key known. */
  add(key: string): void {
    if (key.length < MIN_CHARS) return;
    for (const form of formsOf(key)) {
      const keys = this.#byForm.get(form);
      if (keys === undefined) this.#byForm.set(form, [key]);
      else keys.push(key);
    }
  }

  /** Keys that one letter makes out of this one, except itself. Numbers have to be the same. */
  near(key: string): string[] {
    if (key.length < MIN_CHARS) return [];
    const digits = digitsOf(key);
    const found = new Set<string>();
    for (const form of formsOf(key)) for (const other of this.#byForm.get(form) ?? []) found.add(other);
    found.delete(key);
    return [...found].filter(other => digitsOf(other) === digits && isOneLetterApart(key, other));
  }
}

function* formsOf(key: string): Generator<string> {
  yield key;
  // The first letter is never the slip.
  for (let at = 1; at < key.length; at++) if (key[at] !== key[at - 1]) yield key.slice(0, at) + key.slice(at + 1);
}

const digitsOf = (key: string): string => key.replace(/\D+/g, ' ').trim();

/** Forms that are equal may lack letters at different places; that would be a transposition, or two slips. */
function isOneLetterApart(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return Math.max(a.length, b.length) - start - end <= 1;
}
