// hosts.toml, one for a registry: where containerd asks for that registry's images.
import type { ClientFile } from './client-configuration.ts';
import type { ClientSetup, PullEndpoint } from './client-setup.ts';
import { comment } from './comment.ts';
import { apiRootOf, baseUrlOf, type EndpointPlace, isPlain, placeOf } from './endpoint-place.ts';
import { tomlArray, tomlString } from './quoted.ts';

export interface HostsFolder {
  /** The client, as its users call it. */
  readonly client: string;
  readonly folder: string;
  /** A capability that the client does not know makes it ignore the file. */
  readonly capabilities?: readonly string[];
  /** Whether registries without a file of their own are asked of the mirrors as well. */
  readonly hasDefault: boolean;
}

const PULL = ['pull', 'resolve'];

/** A file for each upstream, and one for all other registries at servers of several, which `ns` tells what is meant. */
export function hostsFiles(setup: ClientSetup, folder: HostsFolder): ClientFile[] {
  const general = generalEndpoints(setup);
  const files = setup.upstreams.map((upstream) => {
    const places = upstream.endpoints.map((endpoint) => placeOf(endpoint, upstream));
    return hostsFile(setup, folder, { name: upstream.name, server: upstream.registryUrl, places });
  });
  if (!folder.hasDefault || general.length === 0) return files;
  const places = general.map((endpoint) => placeOf(endpoint));
  return [...files, hostsFile(setup, folder, { name: '_default', server: undefined, places })];
}

/** The servers of several upstreams among all endpoints, in their order. */
export function generalEndpoints({ upstreams }: ClientSetup): PullEndpoint[] {
  const all = upstreams.flatMap(({ endpoints }) => endpoints).filter(({ isDedicated }) => !isDedicated);
  return [...new Map(all.map((endpoint) => [endpoint.url, endpoint])).values()];
}

interface Namespace {
  readonly name: string;
  /** Who is asked last. */
  readonly server: string | undefined;
  readonly places: readonly EndpointPlace[];
}

function hostsFile(
  { caFile }: ClientSetup,
  { client, folder, capabilities = PULL }: HostsFolder,
  { name, server, places }: Namespace,
): ClientFile {
  const blocks = places.map((place) => {
    // containerd adds /v2 to an address, unless it is told that this is the API's root.
    const url = isPlain(place) ? baseUrlOf(place) : apiRootOf(place);
    const lines = [`[host.${tomlString(url)}]`, `  capabilities = ${tomlArray(capabilities)}`];
    if (!isPlain(place)) lines.push('  override_path = true');
    if (caFile !== undefined && !place.isPlainHttp) lines.push(`  ca = ${tomlString(caFile)}`);
    return `\n${lines.join('\n')}\n`;
  });
  const fallback = server === undefined ? "the image's own registry" : 'the server named below';
  const head = comment(
    client,
    `Hosts are asked from the first to the last; what none of them has, or answers to, is asked of ${fallback}.`,
    ...(server === undefined ? ['This file is for registries that have none of their own.'] : []),
    'Nothing has to be restarted: it is read at each pull.',
  );
  return {
    path: `${folder}/${name}/hosts.toml`,
    format: 'toml',
    text: head + (server === undefined ? '' : `\nserver = ${tomlString(server)}\n`) + blocks.join(''),
  };
}
