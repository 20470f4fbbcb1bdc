import type { BlobOrigin } from '../metadata/inspection.ts';
import { OciError } from '../oci/errors.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { nameRepositories } from './check-finding.ts';
import type { Repairs } from './repair-content.ts';

export interface Loss extends Call {
  /** The beginning of the sentence. */
  readonly what: string;
  readonly repositories: readonly RepositoryName[];
  /** Where it came from; none when it was pushed. */
  readonly origins: readonly BlobOrigin[];
  /** Without them it is only said what can be done. */
  readonly repairs: Repairs | undefined;
  readonly restore: (repairs: Repairs, source: Source, origin: BlobOrigin) => Promise<void>;
}

export interface Mended {
  readonly message: string;
  readonly repaired: boolean;
}

/** Fetches what was lost from where it came, and says what came of it, or what a person has to do. */
export async function mend({ what, repositories, origins, repairs, restore, signal }: Loss): Promise<Mended> {
  const [first] = origins;
  if (first === undefined) {
    const advice = `it came from no upstream: push ${nameRepositories(repositories)} again`;
    return { message: `${what}; ${advice}`, repaired: false };
  }
  if (repairs === undefined) {
    return { message: `${what}; wharf check --repair fetches it again from ${first.upstream}`, repaired: false };
  }
  const failures = new Set<string>();
  for (const origin of origins) {
    const failure = await attempt(repairs, origin, (source) => restore(repairs, source, origin));
    if (failure === undefined)
      return { message: `${what}; it was fetched again from ${origin.upstream}`, repaired: true };
    signal?.throwIfAborted();
    failures.add(failure);
  }
  return { message: `${what}; it could not be fetched again: ${[...failures].join('; ')}`, repaired: false };
}

/** Why it failed, where that is for others to mend; what is wrong on this machine ends the check. */
async function attempt(
  repairs: Repairs,
  { repository, upstream }: BlobOrigin,
  restore: (source: Source) => Promise<void>,
): Promise<string | undefined> {
  const source = repairs.sourceOf(repository, upstream);
  if (source === undefined) return `the configuration does not say where ${repository} of ${upstream} is`;
  try {
    await restore(source);
    return undefined;
  } catch (error) {
    if (error instanceof RemoteError || error instanceof OciError) return error.message;
    throw error;
  }
}
