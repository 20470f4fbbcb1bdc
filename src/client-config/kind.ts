import { stringify } from 'yaml';
import type { ClientConfiguration, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { isFrom } from './client-version.ts';
import { comment } from './comment.ts';
import { hostsFiles } from './hosts-toml.ts';
import { loopbackRemark, mountable } from './k3d.ts';

const FOLDER = 'certs.d';
const IN_NODE = '/etc/containerd/certs.d';
// Before 0.27 the nodes' containerd is not told where its hosts are. Newer ones bear it.
const PATCH = `[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "${IN_NODE}"\n`;

/** A cluster of kind, whose nodes find containerd's hosts in a folder beside its configuration. */
export function kind(setup: ClientSetup, { clientVersion }: ClientOptions): ClientConfiguration {
  const { caFile } = setup;
  const head = comment(
    'kind',
    'When no mirror has an image or answers, containerd asks the registry itself.',
    'To apply: kind create cluster --config kind.yaml; a cluster that is there already is not changed by it.',
  );
  const config = {
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    ...(!isFrom(clientVersion, 0, 27) && { containerdConfigPatches: [PATCH] }),
    nodes: [
      {
        role: 'control-plane',
        extraMounts: [
          { hostPath: `./${FOLDER}`, containerPath: IN_NODE, readOnly: true },
          ...(caFile === undefined ? [] : [{ hostPath: mountable(caFile), containerPath: caFile, readOnly: true }]),
        ],
      },
    ],
  };
  return {
    files: [
      { path: 'kind.yaml', format: 'yaml', text: head + stringify(config, { lineWidth: 0 }) },
      ...hostsFiles(setup, { client: 'kind', folder: FOLDER, hasDefault: true }),
    ],
    reload: ['kind create cluster --config kind.yaml'],
    remarks: [
      'When no mirror has an image or answers, containerd goes to the registry of its name.',
      'Give each further node of the cluster the same extraMounts.',
      ...loopbackRemark(setup, 'the name of a container in the network of kind'),
    ],
    trial: 'kubectl run busybox --rm --attach --restart=Never --image=busybox -- true',
  };
}
