// Content by digest for bundles and dumps: what our own store has costs nothing, so it is asked first.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { OciError, isNotFound } from '../oci/errors.ts';
import { type RepositoryName, isRepositoryName } from '../oci/reference.ts';
import type { Source } from '../oci/repository.ts';
import { folderOf } from '../pull-through/which-repository.ts';
import { StoredTargets } from '../store/stored-target.ts';
import type { SourceImage } from './copy-sources.ts';
import type { Session } from './session.ts';

/** The content of our own store, by what upstreams call their repositories. */
export class StoredContent {
  readonly #targets: StoredTargets;
  readonly #defaultUpstream: string | undefined;

  private constructor(targets: StoredTargets, defaultUpstream: string | undefined) {
    this.#targets = targets;
    this.#defaultUpstream = defaultUpstream;
  }

  /** `undefined` where there is no store; none is made. */
  static async open(session: Session): Promise<StoredContent | undefined> {
    const { dataFolder, defaultUpstream } = session.config;
    if (!existsSync(path.join(dataFolder, 'blobs-v1'))) return undefined;
    return new StoredContent(new StoredTargets(await session.store()), defaultUpstream);
  }

  /** What of it the image's repository has, then the image's own source. */
  before({ place, repository }: SourceImage): Source {
    const { source } = place.repository(repository);
    const stored = place.upstream === undefined ? undefined : this.#nameOf(place.upstream.name, repository);
    return stored === undefined ? source : storeFirst(this.#targets.repository(stored), source);
  }

  #nameOf(upstream: string, repository: RepositoryName): RepositoryName | undefined {
    const name = upstream === this.#defaultUpstream ? repository : `${folderOf(upstream)}/${repository}`;
    return isRepositoryName(name) ? name : undefined;
  }
}

/** What the store has is not asked of the other; what it lacks, or has damaged, is. */
function storeFirst(store: Source, other: Source): Source {
  return {
    resolve: (reference, call) => other.resolve(reference, call),
    async manifest(digest, call) {
      return (await unlessUnfit(store.manifest(digest, call))) ?? (await other.manifest(digest, call));
    },
    async statBlob(digest, call) {
      return (await unlessUnfit(store.statBlob(digest, call))) ?? (await other.statBlob(digest, call));
    },
    async blob(digest, call) {
      const stored = await unlessUnfit(store.blob(digest, call));
      if (stored !== undefined && (call?.sizeBytes === undefined || stored.sizeBytes === call.sizeBytes)) return stored;
      await stored?.body.cancel();
      return await other.blob(digest, call);
    },
  };
}

async function unlessUnfit<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (isNotFound(error) || error instanceof OciError) return undefined;
    throw error;
  }
}
