// What a client is told, before it is put into that client's own words.

/** One place to pull an upstream's images from. */
export interface PullEndpoint {
  /**
   * `https://mirror.example`, without a slash at the end. A path stands before the API: `https://mirror.example/registry`
   * has it at `/registry/v2/`. After a `/v2` it is what every name there begins with: `https://mirror.example/v2/team`.
   */
  readonly url: string;
  /**
   * The server knows the upstream by this host alone, so that plain names mean it there. Otherwise it serves several, and
   * the client has to name the upstream: by `ns`, or as first component of the name.
   */
  readonly isDedicated: boolean;
}

export interface SetupUpstream {
  /** As references have it: `docker.io`. */
  readonly name: string;
  /** Where a client goes when no endpoint has it: `https://registry-1.docker.io`. */
  readonly registryUrl: string;
  /** The first component of its names at a server of several upstreams; without it, `name`. */
  readonly pathComponent?: string | undefined;
  /** In the order in which they are tried; at least one, but for clients that need no mirror. */
  readonly endpoints: readonly PullEndpoint[];
  /** Where the registry sends its clients: token servers, blob storage. `*.example.com` is all below it. */
  readonly furtherHosts?: readonly string[] | undefined;
}

export interface ClientSetup {
  /** `docker.io` first, where it is among them. */
  readonly upstreams: readonly SetupUpstream[];
  /** An absolute path, on the client's machine, of the certificate authority that signed the endpoints' certificates. */
  readonly caFile?: string | undefined;
}
