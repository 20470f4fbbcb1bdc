const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `1.2 GB`: decimal units, as docker prints them. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `41 s`, `3 m 50 s`, `2 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return seconds < 9.95 ? `${seconds.toFixed(1)} s` : `${whole} s`;
  const [large, small] = whole < 3600 ? (['m', 's'] as const) : (['h', 'm'] as const);
  const inSmall = whole < 3600 ? whole : Math.floor(whole / 60);
  const rest = inSmall % 60 === 0 ? '' : ` ${inSmall % 60} ${small}`;
  return `${Math.floor(inSmall / 60)} ${large}${rest}`;
}

/** `9,849`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 image`, `2 images`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
