import { DOCKER_HUB } from '../oci/reference.ts';
import type { ClientSetup } from './client-setup.ts';

const SAMPLES: ReadonlyMap<string, string> = new Map([
  [DOCKER_HUB, 'library/busybox:latest'],
  ['quay.io', 'prometheus/busybox:latest'],
  ['gcr.io', 'distroless/static:latest'],
  ['registry.k8s.io', 'pause:3.10'],
  ['mcr.microsoft.com', 'hello-world:latest'],
  ['ghcr.io', 'stefanprodan/podinfo:latest'],
]);

/** A small image of the first upstream, to try a pull with. */
export function sampleImage({ upstreams }: ClientSetup): string {
  const known = upstreams.find(({ name }) => SAMPLES.has(name))?.name;
  return known === undefined ? `${upstreams[0]?.name}/NAME:TAG` : `${known}/${SAMPLES.get(known)}`;
}
