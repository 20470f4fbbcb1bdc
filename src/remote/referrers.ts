import { z } from 'zod';
import { type Descriptor, descriptorSchema } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Call } from '../oci/repository.ts';
import { readPages } from './pages.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRepository } from './remote-repository.ts';

const MAX_REFERRERS = 10_000;

const page = z.object({ manifests: z.array(z.unknown()) });

/** What registries say that do not know the API: of a path that they do not serve, or by the page of a web server. */
const UNKNOWN_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/**
 * distribution-spec §Listing Referrers, all pages. None where the registry does not know the API: what the tag schema
 * would tell costs a pull, and is asked for by the clients that want it.
 */
export async function readReferrers(
  repository: RemoteRepository,
  subject: Digest,
  call: Call,
): Promise<readonly Descriptor[]> {
  try {
    return await readPagesOf(repository, subject, call);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return [];
  }
}

/** The same, but tells a registry that does not know the API, by `undefined`, from one that has none to list. */
export async function askReferrers(
  repository: RemoteRepository,
  subject: Digest,
  call: Call,
): Promise<readonly Descriptor[] | undefined> {
  try {
    return await readPagesOf(repository, subject, call);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    if (error.code !== 'NOT_A_REGISTRY' && !UNKNOWN_STATUSES.has(error.status)) throw error;
    return undefined;
  }
}

async function readPagesOf(repository: RemoteRepository, subject: Digest, call: Call): Promise<readonly Descriptor[]> {
  const { registry, name } = repository;
  const what = `the referrers of ${name}@${subject}`;
  const found = new Map<Digest, Descriptor>();
  await readPages({
    registry,
    first: registry.path(`${name}/referrers/${subject}`),
    what,
    ask: (asked) => repository.request({ ...call, ...asked, method: 'GET', kind: 'referrers', what }),
    onPage(body) {
      const before = found.size;
      for (const entry of page.parse(body).manifests) {
        const { data } = descriptorSchema.safeParse(entry);
        if (data !== undefined && found.size < MAX_REFERRERS) found.set(data.digest, data);
      }
      return found.size - before;
    },
  });
  return [...found.values()].toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
}
