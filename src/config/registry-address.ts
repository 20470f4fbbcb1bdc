import { DOCKER_HUB, isDomain } from '../oci/reference.ts';
import { BUILT_IN_UPSTREAMS } from './built-in-upstreams.ts';

/** Where a registry is, and what follows its host. */
export interface RegistryAddress {
  /** Without a slash at the end: `https://reg.example.com`. */
  readonly origin: string;
  /** Without a slash at the beginning; `team/`, or empty. */
  readonly path: string;
}

/**
 * Reads `reg.example.com/team/`, `localhost:5000` or `http://old:5000`. Without a scheme it is https, on loopback http,
 * and docker.io is where its API is. `undefined` when the text is no such thing, or has a user or a query in it.
 */
export function parseRegistryAddress(text: string): RegistryAddress | undefined {
  const [, scheme, host = '', path = ''] = /^(?:(https?):\/\/)?([^/?#@\s]+)(?:\/([^?#@\s]*))?$/.exec(text) ?? [];
  if (!isDomain(host)) return undefined;
  if (host === DOCKER_HUB || host === 'index.docker.io') return { origin: BUILT_IN_UPSTREAMS[DOCKER_HUB].url, path };
  if (scheme === undefined && !looksLikeRegistry(host)) return undefined;
  const url = URL.parse(`${scheme ?? (isLoopbackHost(host) ? 'http' : 'https')}://${host}`);
  return url === null ? undefined : { origin: url.origin, path };
}

// As in references. A word alone could be a misspelt `store`.
function looksLikeRegistry(host: string): boolean {
  return host === 'localhost' || /[.:]/.test(host);
}

/** Whether a host, perhaps with a port, is the machine of whoever says it. */
export function isLoopbackHost(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i.test(host);
}
