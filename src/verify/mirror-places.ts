// What a person calls a mirror, as a place whose repositories have names. Pure.
import type { Config, EndpointConfig, MirrorConfig } from '../config/config.ts';
import { parseRegistryAddress } from '../config/registry-address.ts';
import { checkTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';

/** A place under comparison. `name` is what the person wrote. */
export type MirrorPlace =
  | { readonly kind: 'store'; readonly name: string }
  /** Some registry, with what the configuration says of it. */
  | {
      readonly kind: 'registry';
      readonly name: string;
      readonly mirror: MirrorConfig;
      /** Configured as an upstream's mirror: repositories that only our login may read are not named to it. */
      readonly isForPublic: boolean;
    }
  /** A configured upstream, which is asked as one: its pulls are budgeted. */
  | { readonly kind: 'upstream'; readonly name: string; readonly upstream: string; readonly template: string };

type Known = Pick<Config, 'upstreams' | 'sync'>;

const SAME_NAMES = '{repository}';

/**
 * Reads `store:`, `mirror.example.com`, `localhost:5000/mirror/`, `http://old:5000/{name}` or a configured upstream's name.
 * What the configuration says of a mirror or a sync target at that host (names there, login, certificates) applies; a path
 * that is written goes before the configured one. Throws UsageError.
 */
export function parseMirrorPlace(text: string, known: Known, isPlainHttp = false): MirrorPlace {
  if (text === 'store' || text === 'store:') return { kind: 'store', name: 'store:' };
  const written = text.replace(/^docker:\/\//, '').replace(/\/v2\/?$/, '/');
  const hasScheme = /^https?:\/\//.test(written);
  const address = parseRegistryAddress(isPlainHttp && !hasScheme ? `http://${written}` : written);
  if (address === undefined) {
    throw new UsageError(
      `"${text}" is not a mirror; write a host such as mirror.example.com, HOST/PREFIX/, http://localhost:5000 or store:`,
    );
  }
  // A slash behind a bare host is no prefix.
  const path = address.path === '' ? undefined : address.path;
  if (path !== undefined) checkTemplate(path);
  const host = written.replace(/\/.*$/, '');
  for (const [upstream, { url, repository }] of known.upstreams) {
    if (upstream === host || originOf(url) === address.origin) {
      return { kind: 'upstream', name: text, upstream, template: path ?? repository };
    }
  }
  const { endpoint, template, repositories } = configuredAt(address.origin, known) ?? {};
  const mirror: MirrorConfig = {
    ...(endpoint ?? { realms: [], insecure: false }),
    url: path === undefined ? (endpoint?.url ?? address.origin) : address.origin,
    repository: path ?? template ?? SAME_NAMES,
    repositories: repositories ?? ['**'],
    for: ['manifests', 'blobs'],
  };
  return { kind: 'registry', name: text, mirror, isForPublic: repositories !== undefined };
}

interface Configured {
  readonly endpoint: EndpointConfig;
  readonly template: string;
  readonly repositories?: readonly string[];
}

function configuredAt(origin: string, { upstreams, sync }: Known): Configured | undefined {
  const mirrors = [...upstreams.values()].flatMap((upstream) => upstream.mirrors);
  const mirror = mirrors.find(({ url }) => originOf(url) === origin);
  if (mirror !== undefined) {
    const { repository, repositories, for: _, ...endpoint } = mirror;
    return { endpoint, template: repository, repositories };
  }
  for (const target of sync.flatMap(({ to }) => to)) {
    if (target.kind === 'registry' && originOf(target.endpoint.url) === origin) {
      return { endpoint: target.endpoint, template: target.repository };
    }
  }
  return undefined;
}

function originOf(url: string): string | undefined {
  return URL.parse(url)?.origin;
}
