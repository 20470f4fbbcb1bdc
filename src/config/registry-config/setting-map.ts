/** Settings by their names, with no prototype: a key such as `constructor` is a key like any other. */
export type SettingMap = Record<string, unknown>;

export function isMap(value: unknown): value is SettingMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function emptyMap(entries: Iterable<readonly [string, unknown]> = []): SettingMap {
  const map = Object.create(null) as SettingMap;
  for (const [key, value] of entries) map[key] = value;
  return map;
}
