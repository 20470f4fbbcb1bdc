// The keys under which docker and containers keep logins: `ghcr.io`, `https://index.docker.io/v1/`, `quay.io/org/app`.
import { DOCKER_HUB } from '../oci/reference.ts';

/** docker's own key for Docker Hub, a URL of the first registry API. */
export const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

const DOCKER_HUB_HOSTS = new Set([DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io']);

/**
 * What a key or a host means, in one spelling: `docker.io`, `localhost:5000`, `quay.io/org/app`. A path behind a scheme
 * belongs to a URL and says nothing; behind a bare host it is a namespace or a repository.
 */
export function normalizeKey(key: string): string {
  const [, scheme, host = '', path = ''] = /^(https?:\/\/)?([^/]*)\/?(.*)$/is.exec(key) ?? [];
  const name = host.toLowerCase();
  const registry = DOCKER_HUB_HOSTS.has(name) ? DOCKER_HUB : name;
  const namespace = path.replace(/\/+$/, '');
  return scheme === undefined && namespace !== '' && !/^v[12]$/.test(namespace) ? `${registry}/${namespace}` : registry;
}

/** The keys that hold for a repository of a registry, the nearest first: `a.io/b/c`, `a.io/b`, `a.io`. */
export function keysFor(registryHost: string, repository = ''): string[] {
  const registry = normalizeKey(registryHost);
  const parts = repository === '' ? [] : repository.split('/');
  return Array.from({ length: parts.length + 1 }, (_, dropped) =>
    [registry, ...parts.slice(0, parts.length - dropped)].join('/'),
  );
}

/** The name of a registry for a helper: docker's own, where it has one. */
export function serverName(registryHost: string): string {
  const registry = normalizeKey(registryHost);
  return registry === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
}

/** The entry under the longest key that holds. Of several spellings of one registry the last one written wins. */
export function findEntry<T>(
  entries: Readonly<Record<string, T>>,
  registryHost: string,
  repository?: string,
): { readonly key: string; readonly entry: T } | undefined {
  const byMeaning = new Map(Object.entries(entries).map(([key, entry]) => [normalizeKey(key), { key, entry }]));
  const key = keysFor(registryHost, repository).find((key) => byMeaning.has(key));
  return key === undefined ? undefined : byMeaning.get(key);
}
