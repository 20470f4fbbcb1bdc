// How an endpoint is reached and what an upstream's images are called there; each client puts that in its own words.
import { DOCKER_HUB, isRepositoryName } from '../oci/reference.ts';
import type { PullEndpoint, SetupUpstream } from './client-setup.ts';

export interface EndpointPlace {
  readonly isPlainHttp: boolean;
  /** With its port, where that is not the scheme's own. */
  readonly host: string;
  /** What stands before the API: `/registry`, or nothing. */
  readonly basePath: string;
  /**
   * What the names begin with there, without slashes around it: `ghcr.io`, or nothing. `undefined` where no name can say
   * the upstream: a registry with a port, at a server of several. Only `ns` tells it then.
   */
  readonly namePrefix: string | undefined;
}

/** Without an upstream: the place for whatever registry a client asks for, by plain names. */
export function placeOf(endpoint: PullEndpoint, upstream?: SetupUpstream): EndpointPlace {
  const { protocol, host, pathname } = new URL(endpoint.url);
  const [basePath, names] = splitAtApi(pathname);
  return { isPlainHttp: protocol === 'http:', host, basePath, namePrefix: namePrefixOf(names, endpoint, upstream) };
}

/** The address without the API's own path: what a client is given that adds `/v2` to it. */
export function baseUrlOf({ isPlainHttp, host, basePath }: EndpointPlace): string {
  return `${isPlainHttp ? 'http' : 'https'}://${host}${basePath}`;
}

/** The address under which `/NAME/manifests/…` is: what a client is given that adds nothing to it. */
export function apiRootOf(place: EndpointPlace): string {
  return `${baseUrlOf(place)}/v2${isPlain(place) ? '' : `/${place.namePrefix}`}`;
}

/** Whether names stay as they are; or have to, as no name can say more. */
export function isPlain({ namePrefix }: EndpointPlace): boolean {
  return namePrefix === undefined || namePrefix === '';
}

/** As clients want it that know no schemes: `mirror.example/ghcr.io`. */
export function nameThere({ host, namePrefix }: EndpointPlace): string {
  return [host, namePrefix].filter(Boolean).join('/');
}

/** `/registry/v2/team` is a place, and what names begin with there: `/registry` and `team`. */
export function splitAtApi(path: string): [basePath: string, names: string] {
  const parts = path.split('/').filter((part) => part !== '');
  const api = parts.indexOf('v2');
  const before = api < 0 ? parts : parts.slice(0, api);
  return [before.map((part) => `/${part}`).join(''), api < 0 ? '' : parts.slice(api + 1).join('/')];
}

function namePrefixOf(names: string, endpoint: PullEndpoint, upstream: SetupUpstream | undefined): string | undefined {
  // docker.io is what plain names mean at every server of several.
  if (upstream === undefined || endpoint.isDedicated || upstream.name === DOCKER_HUB) return names;
  const component = upstream.pathComponent ?? upstream.name;
  return isRepositoryName(component) ? [names, component].filter(Boolean).join('/') : undefined;
}
