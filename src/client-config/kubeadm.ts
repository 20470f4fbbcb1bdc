import { stringify } from 'yaml';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientConfiguration, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { isBefore } from './client-version.ts';
import { comment } from './comment.ts';
import { nameThere } from './endpoint-place.ts';
import { namedPlaces } from './named-places.ts';

const KUBERNETES = 'registry.k8s.io';

/** The images of Kubernetes itself, by the mirror's name; those of pods are the container runtime's to pull. */
export function kubeadm(setup: ClientSetup, { clientVersion }: ClientOptions): ClientConfiguration {
  const ofKubernetes = setup.upstreams.filter(({ name }) => name === KUBERNETES);
  if (ofKubernetes.length === 0) {
    throw new UsageError(`kubeadm needs a mirror of ${KUBERNETES}: give --mirror URL, or --mirror ${KUBERNETES}=URL`);
  }
  const { upstreams } = namedPlaces({ ...setup, upstreams: ofKubernetes }, 'kubeadm');
  const [place, ...others] = upstreams[0]?.places ?? [];
  if (place === undefined) throw new UsageError(`kubeadm needs a mirror of ${KUBERNETES}`);
  const repository = nameThere(place);
  const head = comment(
    'kubeadm',
    'There is no way back: when the mirror is down, kubeadm does not ask registry.k8s.io.',
    'To apply: kubeadm init --config kubeadm.yaml',
  );
  const config = {
    apiVersion: `kubeadm.k8s.io/${isBefore(clientVersion, 1, 31) ? 'v1beta3' : 'v1beta4'}`,
    kind: 'ClusterConfiguration',
    imageRepository: repository,
    // With a repository that is not its own kubeadm would look for coredns beside the others.
    dns: { imageRepository: `${repository}/coredns` },
  };
  return {
    files: [{ path: 'kubeadm.yaml', format: 'yaml', text: head + stringify(config, { lineWidth: 0 }) }],
    reload: ['kubeadm config images pull --config kubeadm.yaml', 'kubeadm init --config kubeadm.yaml'],
    remarks: [
      'kubeadm has no fallback: when the mirror is down, images of Kubernetes cannot be pulled. client-config containerd, on each node, redirects them without new names, and falls back.',
      'Images of pods are pulled by the container runtime: configure that as well.',
      ...(place.isPlainHttp || setup.caFile !== undefined
        ? [
            `The container runtime pulls from ${place.host}, and has to be told its ${place.isPlainHttp ? 'plain http' : 'certificate'}.`,
          ]
        : []),
      ...(others.length > 0 ? ['kubeadm knows one repository: only the first mirror is used.'] : []),
    ],
    trial: 'kubeadm config images pull --config kubeadm.yaml',
  };
}
