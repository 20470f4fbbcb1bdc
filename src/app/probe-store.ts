import { parseRepositoryName } from '../oci/reference.ts';
import type { Store } from './open-store.ts';

const REPOSITORY = parseRepositoryName('wharf/readiness');

/** Reads and writes both halves of the store, and leaves nothing behind. Rejects with a sentence when either fails. */
export async function probeStore({ content, metadata }: Pick<Store, 'content' | 'metadata'>): Promise<void> {
  await metadata.listRepositories({ limit: 1 });
  const ingest = await content.begin();
  try {
    await ingest.append(new Uint8Array(1));
    await metadata.beginUpload({ id: ingest.id, repository: REPOSITORY });
    await metadata.endUpload(ingest.id);
  } finally {
    await ingest.abort();
  }
}
