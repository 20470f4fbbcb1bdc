// From what a person says of mirrors to where each upstream's images are asked for. Pure.
import { BUILT_IN_UPSTREAMS } from '../config/built-in-upstreams.ts';
import { isLoopbackHost, parseRegistryAddress } from '../config/registry-address.ts';
import { DOCKER_HUB } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientSetup, PullEndpoint, SetupUpstream } from './client-setup.ts';
import { type Mirror, parseMirror } from './mirror-argument.ts';
import { parseMirrorAddress } from './mirror-address.ts';

/** Of an upstream of wharf.yaml what clients are told. */
export interface KnownUpstream {
  readonly name: string;
  readonly url: string;
  readonly path?: string | undefined;
  /** Lower case: `docker.mirror.example`, `mirror.example:5002` or `:5002`. */
  readonly hosts: readonly string[];
  readonly realms?: readonly string[];
  readonly hubApi?: string | undefined;
  /** Where it was seen to send its clients on to, for blobs. */
  readonly seenHosts?: readonly string[] | undefined;
}

export interface ClientSetupRequest {
  /** `URL`, which serves all upstreams, or `UPSTREAM=URL`; in the order in which they are tried. */
  readonly mirrors: readonly string[];
  /** Those of wharf.yaml; without one, the built-in ones. */
  readonly upstreams?: Iterable<KnownUpstream> | undefined;
  /** Where the server of that wharf.yaml is reached; asked first, unless a mirror of all upstreams is given. */
  readonly externalUrl?: string | undefined;
  readonly caFile?: string | undefined;
  /** Whether a setup without any mirror is an error. */
  readonly needsMirror: boolean;
}

const NO_MIRROR =
  'no mirror was given: say --mirror https://mirror.example.com, or --config with a wharf.yaml that has an externalUrl or hosts';

/** Throws UsageError. */
export function resolveClientSetup(request: ClientSetupRequest): ClientSetup {
  const served = [...(request.upstreams ?? builtInUpstreams())];
  const mirrors = request.mirrors.map((text) =>
    parseMirror(
      text,
      served.map(({ name }) => name),
    ),
  );
  if (request.externalUrl !== undefined && mirrors.every(({ upstream }) => upstream !== undefined)) {
    mirrors.unshift({ url: parseMirrorAddress(request.externalUrl), upstream: undefined });
  }
  const ownUrl = mirrors.find(({ upstream }) => upstream === undefined)?.url;
  const all = [
    ...served.map((upstream) => setUp(upstream, servedEndpoints(upstream, mirrors, ownUrl))),
    ...furtherNames(served, mirrors).map((name) =>
      setUp({ name, url: `https://${name}`, hosts: [] }, dedicatedEndpoints(name, mirrors)),
    ),
  ];
  const upstreams = all
    .filter(({ endpoints }) => endpoints.length > 0 || !request.needsMirror)
    .toSorted((one, other) => Number(other.name === DOCKER_HUB) - Number(one.name === DOCKER_HUB));
  if (upstreams.length === 0) throw new UsageError(NO_MIRROR);
  return { upstreams, caFile: checkedCaFile(request.caFile, upstreams) };
}

function builtInUpstreams(): KnownUpstream[] {
  return Object.entries(BUILT_IN_UPSTREAMS).map(([name, upstream]) => ({ name, url: upstream.url, hosts: [] }));
}

function furtherNames(served: readonly KnownUpstream[], mirrors: readonly Mirror[]): string[] {
  const names = mirrors.flatMap(({ upstream }) => (upstream === undefined ? [] : [upstream]));
  return [...new Set(names)].filter((name) => served.every((upstream) => upstream.name !== name));
}

/** Mirrors of all upstreams, and those of this one. Our own server is named by the upstream's host, where it has one. */
function servedEndpoints(
  { name, hosts }: KnownUpstream,
  mirrors: readonly Mirror[],
  ownUrl: string | undefined,
): PullEndpoint[] {
  const [host] = hosts.flatMap((each) => urlOfHost(each, ownUrl) ?? []);
  const atHost = host === undefined ? [] : [{ url: host, isDedicated: true }];
  const endpoints = mirrors.flatMap(({ url, upstream }): PullEndpoint[] => {
    if (upstream !== undefined) return upstream === name ? [{ url, isDedicated: true }] : [];
    return url === ownUrl && host !== undefined ? atHost : [{ url, isDedicated: false }];
  });
  return distinct(ownUrl === undefined ? [...atHost, ...endpoints] : endpoints);
}

function dedicatedEndpoints(name: string, mirrors: readonly Mirror[]): PullEndpoint[] {
  const own = mirrors.filter(({ upstream }) => upstream === name);
  return distinct(own.map(({ url }) => ({ url, isDedicated: true })));
}

function distinct(endpoints: readonly PullEndpoint[]): PullEndpoint[] {
  return endpoints.filter(({ url }, index) => endpoints.findIndex((each) => each.url === url) === index);
}

/** A virtual host is reached as the server is: by the same scheme, and at the same port unless it says another. */
function urlOfHost(host: string, ownUrl: string | undefined): string | undefined {
  const own = ownUrl === undefined ? undefined : new URL(ownUrl);
  const isPortAlone = host.startsWith(':');
  if (isPortAlone && own === undefined) return undefined;
  const protocol = own?.protocol ?? (isLoopbackHost(host) ? 'http:' : 'https:');
  const hasPort = /:\d+$/.test(host);
  const port = hasPort || own === undefined || own.port === '' ? '' : `:${own.port}`;
  return parseMirrorAddress(`${protocol}//${isPortAlone ? own?.hostname : ''}${host}${port}`);
}

function setUp(upstream: KnownUpstream, endpoints: readonly PullEndpoint[]): SetupUpstream {
  const { name, url, path, realms = [], hubApi, seenHosts = [] } = upstream;
  const registryUrl = registryUrlOf(name, url);
  const reached = [url, ...realms, ...(hubApi === undefined ? [] : [hubApi])].map((each) => new URL(each).host);
  const furtherHosts = [...new Set([...reached, ...seenHosts])].filter((host) => host !== new URL(registryUrl).host);
  return {
    name,
    registryUrl,
    endpoints,
    ...(path !== undefined && { pathComponent: path }),
    ...(furtherHosts.length > 0 && { furtherHosts }),
  };
}

/** Our authority may be elsewhere, with names of its own; a client without a mirror goes where the name leads. */
function registryUrlOf(name: string, url: string): string {
  const ofName = parseRegistryAddress(name)?.origin;
  const isSameHost = new URL(url).host === new URL(`${new URL(url).protocol}//${name}`).host;
  return isSameHost || ofName === undefined ? new URL(url).origin : ofName;
}

function checkedCaFile(file: string | undefined, upstreams: readonly SetupUpstream[]): string | undefined {
  if (file === undefined) return undefined;
  const shown = JSON.stringify(file.slice(0, 200));
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  if (!/^\/[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$/.test(file) || !file.isWellFormed() || file.length > 1000) {
    throw new UsageError(`--ca ${shown} is no absolute path; say where the certificate is on the client's machine`);
  }
  const isUsed = upstreams.some(({ endpoints }) => endpoints.some(({ url }) => url.startsWith('https:')));
  if (!isUsed) throw new UsageError('--ca is for mirrors that are reached by https, and there is none among these');
  return file;
}
