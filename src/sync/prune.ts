// Tags that this job once put at a target and nobody wants any more. What others put there is never touched.
import type { CopiedTag, CopiedTags } from '../journal/copied-tags.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Digest } from '../oci/digest.ts';
import type { Call, Source } from '../oci/repository.ts';
import { isNotFound } from '../oci/errors.ts';
import type { SyncTarget } from './job.ts';

export interface Pruning extends Call {
  readonly copied: CopiedTags;
  /** By the target's names of repositories. */
  readonly wanted: ReadonlyMap<RepositoryName, ReadonlySet<Tag>>;
  /** `Infinity`: nothing is taken away, only remembered since when it is not wanted. */
  readonly pruneAfterMs: number;
  readonly nowMs: number;
}

export interface Pruned {
  /** What was taken away, as `REPOSITORY:TAG`. */
  readonly tags: readonly string[];
  /** The target deletes no tags. */
  readonly isRefused: boolean;
}

/** Throws what the target says, unless that is that it cannot delete tags. */
export async function prune(target: SyncTarget, pruning: Pruning): Promise<Pruned> {
  const { copied, wanted, pruneAfterMs, nowMs, signal } = pruning;
  const tags: string[] = [];
  for (const name of copied.repositories()) {
    const unwanted = [...copied.in(name).values()].filter(({ tag }) => wanted.get(name)?.has(tag) !== true);
    await copied.put(unwanted.filter((one) => one.unwantedSince === undefined).map((one) => leaving(one, nowMs)));
    const repository = target.registry.repository(name);
    for (const { tag, targetDigest, unwantedSince } of unwanted) {
      if (nowMs - (unwantedSince?.getTime() ?? nowMs) < pruneAfterMs) continue;
      if (await isStill(repository, tag, targetDigest, signal)) {
        if (!(await repository.deleteTag(tag, { signal }))) return { tags, isRefused: true };
        tags.push(`${name}:${tag}`);
      }
      await copied.delete(name, [tag]);
    }
  }
  return { tags, isRefused: false };
}

/** Whether a tag still means what we put there. */
async function isStill(
  repository: Source,
  tag: Tag,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return (await repository.resolve(tag, { signal })).descriptor.digest === digest;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return false;
  }
}

function leaving(tag: CopiedTag, nowMs: number): CopiedTag {
  return { ...tag, unwantedSince: new Date(nowMs) };
}
