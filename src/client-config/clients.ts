import { buildkit } from './buildkit.ts';
import { clash } from './clash.ts';
import { caddyConfiguration } from './caddy.ts';
import type { Client } from './client-configuration.ts';
import { containerd, dockerContainerd, nerdctl } from './containerd.ts';
import { docker, dockerdFlags } from './docker.ts';
import { hosts } from './hosts.ts';
import { k3d } from './k3d.ts';
import { kind } from './kind.ts';
import { kubeadm } from './kubeadm.ts';
import { minikube } from './minikube.ts';
import { nginxConfiguration } from './nginx.ts';
import { buildah, crio, podman, skopeo } from './registries-conf.ts';
import { k3s, rke2 } from './registries-yaml.ts';

/** Every client by the name that a person would look for, in the order of the help. */
export const CLIENTS = {
  docker: told('docker: daemon.json, mirrors of docker.io', docker),
  'docker-containerd': told('docker with the containerd image store: hosts.toml for every upstream', dockerContainerd),
  'dockerd-flags': told('docker: dockerd --registry-mirror, in a drop-in of systemd', dockerdFlags),
  containerd: told('containerd of Kubernetes nodes: hosts.toml for every upstream, and config.toml', containerd),
  nerdctl: told('nerdctl: hosts.toml for every upstream', nerdctl),
  k3s: told('k3s: registries.yaml', k3s),
  rke2: told('RKE2: registries.yaml', rke2),
  k3d: told('k3d: a cluster with the registries of k3s', k3d),
  kind: told('kind: a cluster, and hosts.toml for its nodes', kind),
  minikube: told('minikube: a script that starts it', minikube),
  kubeadm: told("kubeadm: where Kubernetes' own images are", kubeadm),
  crio: told('CRI-O: a drop-in of registries.conf', crio),
  podman: told('podman: a drop-in of registries.conf', podman),
  skopeo: told('skopeo: the same drop-in', skopeo),
  buildah: told('buildah: the same drop-in', buildah),
  buildkit: told('BuildKit: buildkitd.toml', buildkit),
  // What stands in front of the mirror, or between it and the upstreams.
  nginx: told('nginx in front of the mirror, with a name for each upstream', (setup, { front }) =>
    nginxConfiguration(setup, front),
  ),
  caddy: told('Caddy in front of the mirror', (setup, { front }) => caddyConfiguration(setup, front)),
  clash: untold('clash and mihomo: rules for all hosts that the upstreams need', clash),
  hosts: untold('a plain list of all hosts that the upstreams need', hosts),
} as const satisfies Record<string, Client>;

export type ClientName = keyof typeof CLIENTS;

export function isClientName(text: string): text is ClientName {
  return Object.hasOwn(CLIENTS, text);
}

function told(describe: string, generate: Client['generate']): Client {
  return { describe, needsMirror: true, generate };
}

function untold(describe: string, generate: Client['generate']): Client {
  return { describe, needsMirror: false, generate };
}
