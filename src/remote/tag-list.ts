import { z } from 'zod';
import { type Tag, isTag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { readPages } from './pages.ts';
import { isNotFound } from '../oci/errors.ts';
import type { RemoteRepository } from './remote-repository.ts';

/** More than this many a page, and some registries refuse (ECR: 405). */
const PAGE_SIZE = 1000;

const page = z.object({ tags: z.array(z.string()).nullish() });

/** distribution-spec §Listing Tags, all pages. `undefined` when there is no such repository. */
export async function readTagList(repository: RemoteRepository, call: Call): Promise<ReadonlySet<Tag> | undefined> {
  const { registry, name } = repository;
  const what = `the tags of ${name}`;
  const tags = new Set<Tag>();
  try {
    await readPages({
      registry,
      first: registry.path(`${name}/tags/list?n=${PAGE_SIZE}`),
      what,
      ask: (page) => repository.request({ ...call, ...page, method: 'GET', kind: 'tagList', what }),
      onPage(body) {
        const before = tags.size;
        for (const tag of page.parse(body).tags ?? []) if (isTag(tag)) tags.add(tag);
        return tags.size - before;
      },
    });
  } catch (error) {
    if (isNotFound(error) && tags.size === 0) return undefined;
    throw error;
  }
  return tags;
}
