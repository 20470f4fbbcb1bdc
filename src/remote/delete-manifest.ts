import type { Digest } from '../oci/digest.ts';
import type { Call } from '../oci/repository.ts';
import type { RemoteRepository } from './remote-repository.ts';

/** distribution-spec §Deleting Manifests: its tags go with it. `false` when it was not there. */
export async function deleteManifest(repository: RemoteRepository, digest: Digest, call: Call): Promise<boolean> {
  const { name, registry } = repository;
  const what = `manifest ${name}@${digest}`;
  const path = `manifests/${digest}`;
  const response = await repository.request({ ...call, method: 'DELETE', path, kind: 'delete', what });
  if (response.status !== 202 && response.status !== 200 && response.status !== 404) {
    throw await registry.errorFrom(response, what);
  }
  await response.body.discard();
  return response.status !== 404;
}
