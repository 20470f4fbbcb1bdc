/** The known word that someone who wrote `word` most likely meant: another case or spelling, or a slip of the keys. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const wanted = bare(word);
  const allowedEdits = Math.max(1, Math.floor(wanted.length / 4));
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of known) {
    const edits = editDistance(wanted, bare(candidate));
    if (edits <= allowedEdits && edits < (best?.edits ?? Infinity)) best = { candidate, edits };
  }
  return best?.candidate;
}

function bare(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll(/[-_]/g, '');
}

/** Levenshtein's distance, with two exchanged neighbours as one edit. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const substitution = from[row - 1] === to[column - 1] ? 0 : 1;
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + substitution,
        isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
