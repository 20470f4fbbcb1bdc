/** What proves to a registry who we are. */
export type Credentials = (
  | { readonly username: string; readonly password: string }
  /** A refresh token, which a token server takes instead of a password. */
  | { readonly identityToken: string }
) & {
  /** How long it serves before it is asked for anew; zero: once. Absent: until it is refused. */
  readonly lifetimeMs?: number | undefined;
};

/** Where logins are kept. */
export interface CredentialStore {
  /**
   * The login for a registry's host (`ghcr.io`, `localhost:5000`) or, where there is one, for that repository of it.
   * `undefined`: there is none. Throws UsageError when a place that should be asked cannot be read.
   */
  find(registryHost: string, repository?: string): Promise<Credentials | undefined>;
}
