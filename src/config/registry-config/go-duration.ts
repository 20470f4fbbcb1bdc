const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/**
 * Milliseconds of what Go writes as a duration: `168h`, `1h30m`, `0`; a whole number alone is nanoseconds. `undefined`
 * when the text is no such thing, or less than nothing.
 */
export function parseGoDuration(text: string): number | undefined {
  if (/^\d{1,18}$/.test(text)) return Math.ceil(Number(text) / 1e6);
  if (!/^(?:\d{1,12}(?:\.\d{0,9})?(?:ns|us|µs|μs|ms|s|m|h)){1,8}$/.test(text)) return undefined;
  const parts = text.matchAll(/([\d.]+)([a-zµμ]+)/g);
  const durationMs = Math.ceil(
    parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (MS_PER_UNIT[unit] ?? 0), 0),
  );
  return Number.isSafeInteger(durationMs) ? durationMs : undefined;
}

/** As wharf.yaml has it, in the largest unit that needs no fraction: `7d`. */
export function formatDuration(durationMs: number): string {
  const [unit, size] = UNITS.find(([, size]) => durationMs % size === 0) ?? ['ms', 1];
  return `${durationMs / size}${unit}`;
}
