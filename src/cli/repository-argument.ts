import type { Session } from '../app/session.ts';
import type { Reference } from '../oci/reference.ts';
import type { RemoteRepository } from '../remote/remote-repository.ts';
import { type RegistryFlags, endpointOf } from './registry-argument.ts';

/** The repository that a reference names: at the configured upstream of its domain, or at the host itself. */
export function repositoryOf(reference: Reference, session: Session, flags: RegistryFlags): RemoteRepository {
  const { domain, repository } = reference;
  if (session.config.upstreams.has(domain)) return session.upstream(domain).authority(repository);
  return session.registry(endpointOf(domain, session.config, flags), domain).repository(repository);
}
