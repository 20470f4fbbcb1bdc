const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `90s`, `10m`, `30d`; `undefined` when the text is no such thing. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d|w)$/.exec(text) ?? [];
  const durationMs = Number(count) * (MS_PER_UNIT[unit ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(durationMs) ? durationMs : undefined;
}
