/** For flags that repeat. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
