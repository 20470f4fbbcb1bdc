// Whether some name matches two patterns of names at once.

/** A character, a star that stands for all but slashes, or one that stands for anything. */
type Part = string;

export function patternsMeet(one: string, other: string): boolean {
  const [a, b] = [partsOf(one), partsOf(other)];
  // Positions in both that some common beginning leads to, each looked at once.
  const seen = new Set<number>();
  const waiting: [number, number][] = [[0, 0]];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const [i, j] = at;
    if (i === a.length && j === b.length) return true;
    const key = i * (b.length + 1) + j;
    if (seen.has(key)) continue;
    seen.add(key);
    waiting.push(...stepsFrom(a, b, i, j));
  }
  return false;
}

function stepsFrom(a: readonly Part[], b: readonly Part[], i: number, j: number): [number, number][] {
  const [p, q] = [a[i], b[j]];
  const steps: [number, number][] = [];
  // A star may stand for nothing.
  if (isStar(p)) steps.push([i + 1, j]);
  if (isStar(q)) steps.push([i, j + 1]);
  if (p === undefined || q === undefined) return steps;
  if (isStar(p) && isStar(q)) return steps;
  if (isStar(p)) {
    if (p === '**' || q !== '/') steps.push([i, j + 1]);
  } else if (isStar(q)) {
    if (q === '**' || p !== '/') steps.push([i + 1, j]);
  } else if (p === q) steps.push([i + 1, j + 1]);
  return steps;
}

function isStar(part: Part | undefined): boolean {
  return part === '*' || part === '**';
}

function partsOf(pattern: string): readonly Part[] {
  return pattern.match(/\*+|[^*]/g)?.map((part) => (part.length > 1 ? '**' : part)) ?? [];
}
