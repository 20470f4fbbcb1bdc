import { UsageError } from '../oci/usage-error.ts';
import type { ClientSetup } from './client-setup.ts';
import { type EndpointPlace, placeOf } from './endpoint-place.ts';

interface NamedUpstream {
  readonly name: string;
  /** All with a `namePrefix`. */
  readonly places: readonly EndpointPlace[];
}

interface NamedPlaces {
  readonly upstreams: readonly NamedUpstream[];
  readonly remarks: readonly string[];
}

/**
 * The places of a setup for clients that know mirrors by a name, `mirror.example/ghcr.io`, and have no other way to say the
 * upstream. Throws UsageError for an address that is no such name.
 */
export function namedPlaces(setup: ClientSetup, client: string): NamedPlaces {
  const upstreams: NamedUpstream[] = [];
  const unnamed: string[] = [];
  for (const upstream of setup.upstreams) {
    const places = upstream.endpoints.map((endpoint) => {
      const place = placeOf(endpoint, upstream);
      if (place.basePath === '') return place;
      const names = `${place.isPlainHttp ? 'http' : 'https'}://${place.host}/v2${place.basePath}`;
      throw new UsageError(
        `${client} asks for /v2/ right behind the host, so it cannot use ${endpoint.url}; if names there begin with ${place.basePath.slice(1)}/, write ${names}`,
      );
    });
    const named = places.filter(({ namePrefix }) => namePrefix !== undefined);
    if (named.length < places.length) unnamed.push(upstream.name);
    if (named.length > 0) upstreams.push({ name: upstream.name, places: named });
  }
  if (upstreams.length === 0)
    throw new UsageError(`${client} can be told of none of these mirrors: ${unnamedRemark(unnamed)}`);
  return { upstreams, remarks: unnamed.length === 0 ? [] : [`Left out: ${unnamedRemark(unnamed)}.`] };
}

function unnamedRemark(names: readonly string[]): string {
  return `${names.join(', ')} cannot be part of a repository's name; give the upstream a path in wharf.yaml, or a mirror of its own by --mirror ${names[0]}=URL`;
}
