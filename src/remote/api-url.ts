/** A URL below `/v2/`, which some registries and web APIs have below a path of their own. */
export function apiUrl(base: URL, path: string): URL {
  return new URL(`${base.href.replace(/\/$/, '')}/v2/${path}`);
}
