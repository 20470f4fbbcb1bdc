// registries.yaml of k3s and RKE2, from which they write containerd's files.
import { stringify } from 'yaml';
import { hostsWithOwnCa } from './certificates.ts';
import type { ClientConfiguration } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { apiRootOf, baseUrlOf, type EndpointPlace, isPlain, placeOf } from './endpoint-place.ts';
import { generalEndpoints } from './hosts-toml.ts';
import { sampleImage } from './sample-image.ts';

interface Distribution {
  readonly name: string;
  readonly serverUnit: string;
  readonly agentUnit: string;
  readonly crictl: string;
}

export const K3S_FALLBACK =
  'When no mirror has an image or answers, its own registry is asked, unless --disable-default-registry-endpoint is set. The error that the kubelet shows is the one of that registry.';

export function k3s(setup: ClientSetup): ClientConfiguration {
  return distribution({ name: 'k3s', serverUnit: 'k3s', agentUnit: 'k3s-agent', crictl: 'k3s crictl' }, setup);
}

export function rke2(setup: ClientSetup): ClientConfiguration {
  const crictl = '/var/lib/rancher/rke2/bin/crictl --runtime-endpoint unix:///run/k3s/containerd/containerd.sock';
  return distribution({ name: 'rke2', serverUnit: 'rke2-server', agentUnit: 'rke2-agent', crictl }, setup);
}

/** The file without comments, which k3d takes as part of its own. */
export function registriesYaml(setup: ClientSetup): string {
  const general = generalEndpoints(setup).map((endpoint) => placeOf(endpoint));
  const hosts = hostsWithOwnCa(setup);
  const mirrors = setup.upstreams.map((upstream) => {
    const places = upstream.endpoints.map((endpoint) => placeOf(endpoint, upstream));
    return [upstream.name, { endpoint: places.map(addressOf) }];
  });
  return stringify(
    {
      mirrors: {
        ...Object.fromEntries(mirrors),
        ...(general.length > 0 && { '*': { endpoint: general.map(addressOf) } }),
      },
      ...(hosts.length > 0 && {
        configs: Object.fromEntries(hosts.map((host) => [host, { tls: { ca_file: setup.caFile } }])),
      }),
    },
    { lineWidth: 0 },
  );
}

function distribution({ name, serverUnit, agentUnit, crictl }: Distribution, setup: ClientSetup): ClientConfiguration {
  const head = comment(
    name,
    'Endpoints are asked from the first to the last, and then the registry itself. "*" is for registries that are not named.',
    `To apply, on every node: systemctl restart ${serverUnit}, or on agents: systemctl restart ${agentUnit}`,
  );
  return {
    files: [{ path: `/etc/rancher/${name}/registries.yaml`, format: 'yaml', text: head + registriesYaml(setup) }],
    reload: [`systemctl restart ${serverUnit}`],
    remarks: [K3S_FALLBACK, `The file belongs on every node; on agents the unit is ${agentUnit}.`],
    trial: `${crictl} pull ${sampleImage(setup)}`,
  };
}

// An address with a path is the API's root to k3s. `rewrite` would say the same, but for all endpoints of an entry at once,
// also for those that want plain names.
function addressOf(place: EndpointPlace): string {
  return place.basePath === '' && isPlain(place) ? baseUrlOf(place) : apiRootOf(place);
}
