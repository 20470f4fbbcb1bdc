import type { ProbedMirror } from './mirror-list.ts';

const DAOCLOUD = 'prefix docker.io names with library/; tags are up to an hour behind';
const UNVERIFIED = 'from lists that users keep; who runs it, and by which rules, is not known';

function of(upstream: string, url: string, more: Partial<ProbedMirror> = {}): ProbedMirror {
  return { upstream, url: `https://${url}`, repository: '{repository}', ...more };
}

/** Public copies of public registries, as people name them to each other. A list file replaces them all. */
export const KNOWN_MIRRORS: readonly ProbedMirror[] = [
  of('docker.io', 'public.ecr.aws', {
    repository: 'docker/{repository}',
    note: 'official images only; 1 request a second',
  }),
  of('docker.io', 'mirror.gcr.io', { note: 'a cache of what is often asked for' }),
  of('docker.io', 'docker.m.daocloud.io', { note: DAOCLOUD }),
  of('docker.io', 'm.daocloud.io', { repository: 'docker.io/{repository}', note: DAOCLOUD }),
  of('docker.io', 'mirror.baidubce.com'),
  of('docker.io', 'hub-mirror.c.163.com'),
  of('docker.io', 'registry.cn-hangzhou.mirror.aliyuncs.com', { note: 'stale: users warn that it is not in sync' }),
  of('docker.io', 'docker.mirrors.ustc.edu.cn', { note: 'for its campus only' }),
  of('docker.io', 'docker.nju.edu.cn'),
  of('docker.io', 'docker.mirrors.sjtug.sjtu.edu.cn', { note: 'was reported stale' }),
  of('docker.io', 'dockerproxy.com', { note: UNVERIFIED }),
  of('docker.io', 'dockerproxy.net', { note: UNVERIFIED }),
  of('docker.io', 'docker.1ms.run', { note: UNVERIFIED }),
  of('docker.io', 'docker.1panel.live', { note: UNVERIFIED }),
  of('docker.io', 'docker.m.ixdev.cn', { note: UNVERIFIED }),
  of('docker.io', 'hub.rat.dev', { note: UNVERIFIED }),
  of('docker.io', 'docker.xuanyuan.me', { note: UNVERIFIED }),
  of('ghcr.io', 'ghcr.m.daocloud.io', { note: DAOCLOUD }),
  of('ghcr.io', 'ghcr.nju.edu.cn'),
  of('quay.io', 'quay.m.daocloud.io', { note: DAOCLOUD }),
  of('quay.io', 'quay.nju.edu.cn'),
  of('quay.io', 'quay.mirrors.ustc.edu.cn', { note: 'for its campus only' }),
  of('gcr.io', 'gcr.m.daocloud.io', { note: DAOCLOUD }),
  of('gcr.io', 'gcr.nju.edu.cn'),
  of('registry.k8s.io', 'k8s.m.daocloud.io', { note: DAOCLOUD }),
  of('mcr.microsoft.com', 'mcr.m.daocloud.io', { note: DAOCLOUD }),
];

/** What is asked for where nothing else is said: tags that move often, of images that every mirror should have. */
export const PROBE_IMAGES: Readonly<Record<string, readonly string[]>> = {
  'docker.io': ['library/nginx:latest', 'library/alpine:latest', 'library/redis:latest', 'library/debian:stable-slim'],
  'ghcr.io': ['stefanprodan/podinfo:latest', 'fluxcd/flux-cli:v2.3.0'],
  'quay.io': ['prometheus/busybox:latest', 'prometheus/node-exporter:latest'],
  'gcr.io': ['distroless/static:latest', 'distroless/base:latest'],
  'registry.k8s.io': ['pause:3.10', 'coredns/coredns:v1.11.3'],
  'mcr.microsoft.com': ['hello-world:latest'],
};
