export interface BuiltInUpstream {
  readonly url: string;
  /** The token server that may see the login of this upstream, where it is not at the registry's own origin. */
  readonly realm?: string;
  readonly hubApi?: string;
}

/** The registries that are upstreams without being configured. The others' token servers are at their own origin. */
export const BUILT_IN_UPSTREAMS = {
  'docker.io': {
    url: 'https://registry-1.docker.io',
    realm: 'https://auth.docker.io/token',
    hubApi: 'https://hub.docker.com',
  },
  'ghcr.io': { url: 'https://ghcr.io' },
  'quay.io': { url: 'https://quay.io' },
  'gcr.io': { url: 'https://gcr.io' },
  'registry.k8s.io': { url: 'https://registry.k8s.io' },
  'mcr.microsoft.com': { url: 'https://mcr.microsoft.com' },
} as const satisfies Record<string, BuiltInUpstream>;

/**
 * What is known of the registry at a URL. By URL and not by name: a `docker.io` that was moved to another host must not
 * take Docker's token server and web API along.
 */
export function builtInAt(url: string): BuiltInUpstream | undefined {
  return Object.values(BUILT_IN_UPSTREAMS).find((upstream) => upstream.url === url);
}

/** Requests a second that a host bears, known from its operator; `undefined` for all others. */
export function builtInRatePerSecond(host: string, hasLogin: boolean): number | undefined {
  switch (host) {
    case 'registry-1.docker.io':
      return 600 / 60;
    case 'hub.docker.com':
      return 150 / 60;
    case 'public.ecr.aws':
      return hasLogin ? 10 : 1;
    default:
      return undefined;
  }
}
