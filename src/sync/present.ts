import { forEach } from '../async/for-each.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { isNotFound } from '../remote/remote-error.ts';
import type { SyncTarget } from './job.ts';
import type { Present } from './plan.ts';

const HEADS_AT_ONCE = 16;

/** Asks a target which of the tags it has, by one list, and what those mean, by a HEAD each. */
export async function lookAt(
  target: SyncTarget,
  name: RepositoryName,
  wanted: readonly Tag[],
  call: Call,
): Promise<Present> {
  const repository = target.registry.repository(name);
  const listed = await repository.listTags(call);
  const tags = new Map<Tag, Digest>();
  await forEach(
    wanted.filter((tag) => listed?.has(tag)),
    HEADS_AT_ONCE,
    async (tag) => {
      try {
        tags.set(tag, (await repository.resolve(tag, call)).descriptor.digest);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  );
  return { target, name, isNew: listed === undefined, tags };
}
