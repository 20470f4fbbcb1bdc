// What dockerd can be told by itself: mirrors of docker.io, whole registries each.
import { DOCKER_HUB } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { installCertificates } from './certificates.ts';
import type { ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { isBefore, isFrom } from './client-version.ts';
import { baseUrlOf, nameThere, placeOf } from './endpoint-place.ts';

export interface DockerMirrors {
  readonly urls: readonly string[];
  /** The commands that put the mirrors' authority to where docker looks for it. */
  readonly certificates: readonly string[];
  readonly remarks: readonly string[];
}

const FALLBACK =
  'When no mirror answers, or answers with an error, docker goes to Docker Hub by itself and says nothing of it.';

/** Throws UsageError for a mirror with which dockerd would not start. */
export function dockerMirrors(
  setup: ClientSetup,
  { clientVersion, userConfigFolder = '/etc' }: ClientOptions,
): DockerMirrors {
  const hub = setup.upstreams.find(({ name }) => name === DOCKER_HUB);
  if (hub === undefined || hub.endpoints.length === 0) {
    throw new UsageError(
      'dockerd knows mirrors of docker.io only, and none was given; docker-containerd is told of others',
    );
  }
  const places = hub.endpoints.map((endpoint) => ({ ...placeOf(endpoint, hub), url: endpoint.url }));
  for (const { url, basePath, namePrefix } of places) {
    if (namePrefix !== '') {
      throw new UsageError(`dockerd cannot put a prefix before names: give ${url} a host of its own for docker.io`);
    }
    if (basePath !== '' && isBefore(clientVersion, 25)) {
      throw new UsageError(`dockerd before 25.0 does not start with a path in a mirror's address: ${url}`);
    }
  }
  const hasPath = places.some(({ basePath }) => basePath !== '');
  return {
    urls: places.map(baseUrlOf),
    certificates: installCertificates({ ...setup, upstreams: [hub] }, `${userConfigFolder}/docker/certs.d`),
    remarks: [
      FALLBACK,
      ...(hasPath && !isFrom(clientVersion, 25)
        ? ['A path in the address of a mirror needs docker 25.0; an older one does not start.']
        : []),
      ...remarkOnOthers(setup),
    ],
  };
}

function remarkOnOthers({ upstreams }: ClientSetup): string[] {
  const others = upstreams.filter(({ name }) => name !== DOCKER_HUB);
  const [first] = others;
  const endpoint = first?.endpoints[0];
  if (first === undefined || endpoint === undefined) return [];
  const place = placeOf(endpoint, first);
  const hasName = place.basePath === '' && place.namePrefix !== undefined;
  const byName = hasName ? ` pull those by the mirror's name (docker pull ${nameThere(place)}/NAME), or` : '';
  const names = others.map((upstream) => upstream.name).join(', ');
  return [
    `docker asks mirrors for images of docker.io only, not of ${names};${byName} use the containerd image store with client-config docker-containerd.`,
  ];
}
