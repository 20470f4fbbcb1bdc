import { stringify } from 'yaml';
import { isLoopbackHost } from '../config/registry-address.ts';
import { UsageError } from '../oci/usage-error.ts';
import { placesOf } from './certificates.ts';
import type { ClientConfiguration } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { K3S_FALLBACK, registriesYaml } from './registries-yaml.ts';

/** A cluster of k3d with k3s' registries.yaml in it. */
export function k3d(setup: ClientSetup): ClientConfiguration {
  const { caFile } = setup;
  const head = comment(
    'k3d',
    'When no mirror has an image or answers, k3s asks the registry itself.',
    'To apply: k3d cluster create --config k3d.yaml; a cluster that is there already is not changed by it.',
  );
  const config = {
    apiVersion: 'k3d.io/v1alpha5',
    kind: 'Simple',
    metadata: { name: 'wharf' },
    registries: { config: registriesYaml(setup) },
    ...(caFile !== undefined && { volumes: [{ volume: `${mountable(caFile)}:${caFile}`, nodeFilters: ['all'] }] }),
  };
  return {
    files: [{ path: 'k3d.yaml', format: 'yaml', text: head + stringify(config, { lineWidth: 0 }) }],
    reload: ['k3d cluster create --config k3d.yaml'],
    remarks: [K3S_FALLBACK, ...loopbackRemark(setup, 'host.k3d.internal')],
    trial: 'kubectl run busybox --rm --attach --restart=Never --image=busybox -- true',
  };
}

/** A path that goes into HOST:CONTAINER. Throws UsageError. */
export function mountable(path: string): string {
  if (!path.includes(':')) return path;
  throw new UsageError(
    `${path} cannot be mounted into a node, as it has a colon; copy the certificate to another path`,
  );
}

/** For clusters whose nodes are containers. */
export function loopbackRemark({ upstreams }: ClientSetup, instead: string): string[] {
  const isThere = placesOf(upstreams).some(({ host }) => isLoopbackHost(host));
  return isThere
    ? [
        `A loopback address in a node is the node itself: give the mirror as ${instead}, or by an address of this machine.`,
      ]
    : [];
}
