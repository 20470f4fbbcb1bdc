// containerd, and what reads the same tree of hosts.toml.
import type { ClientConfiguration, ClientFile, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { isFrom } from './client-version.ts';
import { comment } from './comment.ts';
import { placesOf } from './certificates.ts';
import { isLoopbackHost } from '../config/registry-address.ts';
import { hostsFiles } from './hosts-toml.ts';
import { tomlString } from './quoted.ts';
import { sampleImage } from './sample-image.ts';

const HOSTS_FOLDER = '/etc/containerd/certs.d';
const FALLBACK = 'When no mirror has an image or answers, containerd goes to the registry of its name.';

/** For Kubernetes nodes and ctr. config.toml says where the hosts are; containerd 2 looks there by itself. */
export function containerd(setup: ClientSetup, { clientVersion }: ClientOptions): ClientConfiguration {
  return {
    files: [
      ...hostsFiles(setup, { client: 'containerd', folder: HOSTS_FOLDER, hasDefault: true }),
      configFile(isFrom(clientVersion, 2) ? 3 : 2),
    ],
    reload: ['systemctl restart containerd'],
    remarks: [
      FALLBACK,
      'Only a change of config.toml needs the restart; the files in certs.d are read at each pull.',
      'config.toml is for CRI, which is Kubernetes; ctr is given the folder by --hosts-dir.',
    ],
    trial: `ctr images pull --hosts-dir ${HOSTS_FOLDER} ${sampleImage(setup)}`,
  };
}

export function nerdctl(setup: ClientSetup, { userConfigFolder: own }: ClientOptions): ClientConfiguration {
  const folder = own === undefined ? HOSTS_FOLDER : `${own}/containerd/certs.d`;
  const isUnreachable = own !== undefined && placesOf(setup.upstreams).some(({ host }) => isLoopbackHost(host));
  return {
    files: hostsFiles(setup, { client: 'nerdctl', folder, hasDefault: true }),
    reload: [],
    remarks: [
      FALLBACK,
      ...(isUnreachable
        ? [
            "nerdctl without root has a loopback address of its own: give the mirror by an address of the machine's network.",
          ]
        : []),
    ],
    trial: `nerdctl pull ${sampleImage(setup)}`,
  };
}

/** The containerd image store of docker: any registry, in docker's own folder. */
export function dockerContainerd(
  setup: ClientSetup,
  { clientVersion, userConfigFolder: own }: ClientOptions,
): ClientConfiguration {
  const folder = own === undefined ? '/etc/docker/certs.d' : `${own}/docker/certs.d`;
  // From 29.1 on a pull asks for referrers as well. Older ones do not know the word, and would ignore the file.
  const capabilities = ['pull', 'resolve', ...(isFrom(clientVersion, 29, 1) ? ['referrers'] : [])];
  return {
    files: hostsFiles(setup, { client: 'docker-containerd', folder, capabilities, hasDefault: false }),
    reload: [],
    remarks: [
      'When no mirror has an image or answers, docker goes to the registry of its name.',
      'This is read with the containerd image store only, the default of a docker that began with version 29: docker info names io.containerd.snapshotter.v1. Otherwise set features.containerd-snapshotter in daemon.json, or use client-config docker.',
      'These files take the place of registry-mirrors in daemon.json.',
    ],
    trial: `docker pull ${sampleImage(setup)}`,
  };
}

/** containerd 2 reads version 2 as well, so that is what serves where the version is not known. */
function configFile(version: 2 | 3): ClientFile {
  const plugin = version === 3 ? 'io.containerd.cri.v1.images' : 'io.containerd.grpc.v1.cri';
  // What containerd 2 has as its default also names docker's folder.
  const folders = version === 3 ? `${HOSTS_FOLDER}:/etc/docker/certs.d` : HOSTS_FOLDER;
  const head = comment(
    'containerd',
    'Names the folder of the hosts.toml files. To apply: systemctl restart containerd',
    ...(version === 2 ? ['Version 2 is read by containerd 1 and 2.'] : []),
  );
  return {
    path: '/etc/containerd/config.toml',
    format: 'toml',
    text: `${head}version = ${version}\n\n[plugins.${tomlString(plugin)}.registry]\n  config_path = ${tomlString(folders)}\n`,
  };
}
