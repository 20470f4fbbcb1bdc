import { digestOf } from '../oci/digest.ts';

/** So many of them, each with the same chance, and the same ones for the same seed. In the order that they had. */
export function sampleOf<T>(items: readonly T[], count: number, seed: string, nameOf: (item: T) => string): T[] {
  const byChance = items
    .map((item, at) => ({ at, chance: digestOf(`${seed} ${nameOf(item)}`) }))
    .toSorted((one, other) => (one.chance < other.chance ? -1 : 1));
  const chosen = new Set(byChance.slice(0, count).map(({ at }) => at));
  return items.filter((_, at) => chosen.has(at));
}
