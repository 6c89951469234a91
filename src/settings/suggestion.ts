/** What somebody may have meant. Pure. */

/** The known word that is nearest to a mistyped one: one that it begins, or one that a few slips of the finger away. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  const near = known.map((candidate) => ({ candidate, slips: isBeginning(word, candidate) ? 1 : distance(word, candidate) }));
  const [best] = near.sort((a, b) => a.slips - b.slips);
  return best !== undefined && best.slips <= tolerance(word) ? best.candidate : undefined;
}

function isBeginning(word: string, candidate: string): boolean {
  return word.length >= 3 && candidate.startsWith(word);
}

function tolerance(word: string): number {
  return word.length < 5 ? 1 : word.length < 10 ? 2 : 3;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Infinity;
  const cheapest = (i: number, j: number) => {
    const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
    const kept = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
    return Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, kept, swapped ? at(i - 2, j - 2) + 1 : Infinity);
  };
  for (let i = 0; i <= a.length; i += 1) {
    const row: number[] = [];
    rows.push(row);
    for (let j = 0; j <= b.length; j += 1) row.push(i === 0 ? j : j === 0 ? i : cheapest(i, j));
  }
  return at(a.length, b.length);
}
