import type { UpstreamConfig } from '../config/config.ts';
import { parsePattern } from '../oci/pattern.ts';
import type { CredentialStore } from '../remote/credentials.ts';
import type { ServedUpstream } from './served-registry.ts';
import type { Session } from './session.ts';

/** The configured upstreams as they are served. Asks none of them anything. */
export async function servedUpstreams(session: Session): Promise<ReadonlyMap<string, ServedUpstream>> {
  const served = new Map<string, ServedUpstream>();
  for (const [name, config] of session.config.upstreams) {
    const { freshForMs, staleForMs } = config;
    served.set(name, {
      upstream: session.upstream(name),
      config,
      freshForMs,
      staleForMs,
      immutable: config.immutable.map(parsePattern),
      repositories: config.repositories.map(parsePattern),
      hasLogin: await hasLogin(config, session.credentials),
    });
  }
  return served;
}

async function hasLogin({ url, credentials }: UpstreamConfig, logins: CredentialStore): Promise<boolean> {
  if (credentials !== undefined) return credentials !== 'anonymous';
  return (await logins.find(new URL(url).host)) !== undefined;
}
