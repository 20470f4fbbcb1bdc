import { systemClock } from '../async/clock.ts';
import { FilesystemBlobStore } from '../content/filesystem/filesystem-blob-store.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { StoredRegistry, type StoredRegistryOptions } from '../store/stored-registry.ts';

export interface Store extends StoredRegistryOptions, AsyncDisposable {
  readonly registry: StoredRegistry;
}

/** The store of a data folder; several processes may have it open. Throws UsageError when the folder cannot be used. */
export async function openStore(dataFolder: string): Promise<Store> {
  const now = () => systemClock.now();
  const content = await FilesystemBlobStore.open(dataFolder, { now });
  const metadata = await SqliteMetadataStore.open(dataFolder, { clock: systemClock });
  const registry = new StoredRegistry({ metadata, content, now });
  return { registry, metadata, content, now, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}
