const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Bytes of `200GiB` or `500MB`; `undefined` when the text is no such thing. */
export function parseSize(text: string): number | undefined {
  const [, count, unit] = /^(\d+)([KMGT]i?B|B)$/.exec(text) ?? [];
  const sizeBytes = Number(count) * (BYTES_PER_UNIT[unit ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}
