// The hosts that have to be reached for the upstreams' images: for rules of proxies and firewalls.
import { DOCKER_HUB } from '../oci/reference.ts';
import type { SetupUpstream } from './client-setup.ts';

/** By the registry's host. `*.example.com` is all below it: storage moves, and redirects name a new host of it each year. */
const KNOWN: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'registry-1.docker.io',
    ['auth.docker.io', 'index.docker.io', 'hub.docker.com', '*.docker.com', '*.r2.cloudflarestorage.com'],
  ],
  ['ghcr.io', ['pkg-containers.githubusercontent.com']],
  ['quay.io', ['*.quay.io']],
  ['gcr.io', ['*.gcr.io', 'storage.googleapis.com']],
  ['registry.k8s.io', ['*.pkg.dev', 'storage.googleapis.com', '*.amazonaws.com']],
  ['mcr.microsoft.com', ['*.data.mcr.microsoft.com']],
  ['public.ecr.aws', ['*.cloudfront.net']],
  ['nvcr.io', ['*.nvcr.io', '*.ngc.nvidia.com']],
]);

// The git repository of the Docker Official Images.
const LIBRARY_HOST = 'github.com';

/** Hosts, and domains as `*.example.com`, each once. */
export function neededHosts(upstream: SetupUpstream): string[] {
  const registry = new URL(upstream.registryUrl).host;
  const hosts = [registry, ...(upstream.furtherHosts ?? [])];
  const known = hosts.flatMap((host) => KNOWN.get(host) ?? []);
  return [...new Set([...hosts, ...known, ...(upstream.name === DOCKER_HUB ? [LIBRARY_HOST] : [])])];
}
