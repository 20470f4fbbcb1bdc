const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** How often a second, from `10/s`, `600/m` or `5000/h`; `undefined` when the text is no such thing, or never. */
export function parseRate(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})\/([smhd])$/.exec(text) ?? [];
  const ratePerSecond = Number(count) / (SECONDS_PER_UNIT[unit ?? ''] ?? Number.NaN);
  return ratePerSecond > 0 ? ratePerSecond : undefined;
}
