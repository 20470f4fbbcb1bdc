import { RemoteError } from './remote-error.ts';
import type { SendResponse } from './send.ts';

export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** Where an answer sends us on to: an http or https URL without a login in it, and never from https to http. */
export function redirectTarget(response: SendResponse, from: URL, host: string, what: string): URL {
  const location = response.headers.get('location') ?? '';
  const url = URL.parse(location, from.href);
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === null || location === '' || !isWeb || url.username !== '' || url.password !== '') {
    const shown = JSON.stringify(location.slice(0, 100));
    throw new RemoteError(host, 'NOT_A_REGISTRY', `redirects ${what} to ${shown}, which is not a web address`);
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw new RemoteError(host, 'TLS', `redirects ${what} from https to plain http at ${url.host}`);
  }
  return url;
}
