/** How many letters must be added, left out or changed to turn one word into the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const changed = row[j]! + (letter === b[j] ? 0 : 1);
      next.push(Math.min(changed, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}

/** The candidate that a mistyped word most likely stands for, if any is close enough to be worth a question. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map(candidate => ({ candidate, edits: distance(word.toUpperCase(), candidate) }))
    .sort((a, b) => a.edits - b.edits);
  return best && best.edits <= Math.min(3, Math.floor(word.length / 3)) ? best.candidate : undefined;
}
