/**
 * The `rel="next"` target of a Link header (RFC 8288), resolved against `base`. Commas may stand inside the angle
 * brackets. `undefined` when there is none, or when it leads to another origin: a list never continues elsewhere.
 */
export function nextLink(header: string | undefined, base: URL): URL | undefined {
  if (header === undefined || header.length > 8192) return undefined;
  for (const [, target = '', parameters = ''] of header.matchAll(/<([^<>]*)>((?:\s*;\s*[^;,<>]+)*)/g)) {
    if (!/;\s*rel\s*=\s*"?next"?\s*(?:;|$)/i.test(parameters)) continue;
    const url = URL.parse(target, base.href);
    return url?.origin === base.origin ? url : undefined;
  }
  return undefined;
}
