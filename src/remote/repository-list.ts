import { z } from 'zod';
import type { Call } from '../oci/repository.ts';
import { readPages } from './pages.ts';
import type { RemoteRegistry } from './remote-registry.ts';

const page = z.object({ repositories: z.array(z.string()).nullish() });

/** The names of a registry's repositories, by the `_catalog` that most registries have beyond the specification. */
export async function readCatalog(registry: RemoteRegistry, call: Call = {}): Promise<string[]> {
  const what = 'the list of its repositories';
  const names = new Set<string>();
  await readPages({
    registry,
    first: registry.path('_catalog?n=1000'),
    what,
    ask: (page) =>
      registry.request({ ...call, ...page, method: 'GET', scopes: ['registry:catalog:*'], kind: 'tagList', what }),
    onPage(body) {
      const before = names.size;
      for (const name of page.parse(body).repositories ?? []) names.add(name);
      return names.size - before;
    },
  });
  return [...names];
}
