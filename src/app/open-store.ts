import { systemClock } from '../async/clock.ts';
import { FilesystemBlobStore } from '../content/filesystem/filesystem-blob-store.ts';
import type { Inspection } from '../metadata/inspection.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { StoredRegistry, type StoredRegistryOptions } from '../store/stored-registry.ts';

export interface Store extends StoredRegistryOptions, AsyncDisposable {
  readonly registry: StoredRegistry;
  readonly inspection: Inspection;
}

/** The store of a data folder; several processes may have it open. Throws UsageError when the folder cannot be used. */
export async function openStore(
  dataFolder: string,
  { immutable }: Pick<StoredRegistryOptions, 'immutable'> = {},
): Promise<Store> {
  const now = () => systemClock.now();
  const content = await FilesystemBlobStore.open(dataFolder, { now });
  const metadata = await SqliteMetadataStore.open(dataFolder, { clock: systemClock });
  const registry = new StoredRegistry({ metadata, content, now, immutable });
  const { inspection } = metadata;
  return {
    registry,
    metadata,
    inspection,
    content,
    now,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
