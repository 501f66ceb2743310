/** "Did you mean": the nearest of the words that would have been right. */

/**
 * Edit distance of two words: insertions, deletions, substitutions and swaps of neighbours, each counted as one.
 * Optimal string alignment: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substituted, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/**
 * @returns the candidate nearest to `word`, letter case, spaces, `_` and `-` not counted; undefined where none is near
 *   enough to be meant (more than a third of the letters differ)
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[\s_-]/g, '');
  const wanted = plain(word);
  if (wanted === '') return undefined;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    // A wide difference in length cannot become a small distance; this also bounds the work on a very long key.
    if (Math.abs(wanted.length - candidate.length) > candidate.length) continue;
    const distance = editDistance(wanted, plain(candidate));
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  if (best === undefined) return undefined;
  const longer = Math.max(wanted.length, best.candidate.length);
  return best.distance <= Math.max(1, Math.floor(longer / 3)) ? best.candidate : undefined;
}
