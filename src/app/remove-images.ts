// Deletes images where they are: tags one by one, manifests by their digest, or all of a repository.
import { deleteManifest } from '../remote/delete-manifest.ts';
import { RemoteRepository } from '../remote/remote-repository.ts';
import type { ImageChoice } from '../config/image-location.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { type ImagePlace, suffixOf } from './image-places.ts';
import type { Store } from './open-store.ts';
import type { Session } from './session.ts';

export interface RemovedImage {
  /** As people write it. */
  readonly reference: string;
  /** What it meant, where that is known. */
  readonly digest?: Digest | undefined;
  readonly outcome: 'deleted' | 'notFound' | 'failed';
  readonly message?: string | undefined;
}

export interface ImageToRemove {
  readonly place: ImagePlace;
  readonly repository: RepositoryName;
  /** With neither tag nor digest: all of the repository. */
  readonly which: Pick<ImageChoice, 'tag' | 'digest'>;
}

const ROWS_A_SCAN = 1_000;

/** A tag is taken away and leaves its manifest; a manifest takes its tags along. Throws only what is no answer to one. */
export async function removeImage(image: ImageToRemove, session: Session, call: Call): Promise<RemovedImage[]> {
  const { place, repository, which } = image;
  const reference =
    place.describe(repository) + suffixOf(which.digest === undefined ? which : { digest: which.digest });
  try {
    const removal = await removalAt(image, session, call);
    if (which.digest !== undefined) return [await removeManifest(removal, which.digest, reference)];
    if (which.tag !== undefined) return [await removeTag(removal, which.tag, reference)];
    return await removeAll(removal, reference);
  } catch (error) {
    call.signal?.throwIfAborted();
    return [failure(reference, error)];
  }
}

/** What can be deleted of one repository; each says `false` for what was not there. */
interface Removal {
  digestOf(tag: Tag): Promise<Digest>;
  tags(): Promise<ReadonlySet<Tag> | undefined>;
  tag(tag: Tag): Promise<boolean>;
  manifest(digest: Digest): Promise<boolean>;
  /** Manifests that no tag leads to, where they can be told. */
  untagged(): Promise<readonly Digest[]>;
}

async function removalAt({ place, repository }: ImageToRemove, session: Session, call: Call): Promise<Removal> {
  const { target } = place.repository(repository);
  const reading = {
    digestOf: async (tag: Tag) => (await target.resolve(tag, call)).descriptor.digest,
    tags: async () => await target.listTags(call),
  };
  if (target instanceof RemoteRepository) {
    return {
      ...reading,
      tag: async (tag) => await target.deleteTag(tag, call),
      manifest: async (digest) => await deleteManifest(target, digest, call),
      untagged: () => Promise.resolve([]),
    };
  }
  const store = await session.store();
  const stored = store.registry.repository(repository);
  return {
    ...reading,
    tag: async (tag) => await isDone(stored.deleteTag(tag)),
    manifest: async (digest) => await isDone(stored.deleteManifest(digest)),
    untagged: async () => await untaggedIn(store, repository),
  };
}

async function removeTag(removal: Removal, tag: Tag, reference: string): Promise<RemovedImage> {
  const digest = await removal.digestOf(tag);
  if (await removal.tag(tag)) return { reference, digest, outcome: 'deleted' };
  const name = reference.slice(0, -tag.length - 1);
  const message = `the registry deletes no tag by itself; \`wharf rm ${name}@${digest}\` deletes the image, with all its tags`;
  return { reference, digest, outcome: 'failed', message };
}

async function removeManifest(removal: Removal, digest: Digest, reference: string): Promise<RemovedImage> {
  return { reference, digest, outcome: (await removal.manifest(digest)) ? 'deleted' : 'notFound' };
}

async function removeAll(removal: Removal, name: string): Promise<RemovedImage[]> {
  const tags = await removal.tags();
  if (tags === undefined) return [{ reference: name, outcome: 'notFound' }];
  const meanings = new Map<Tag, Digest>();
  for (const tag of tags) meanings.set(tag, await removal.digestOf(tag));
  const removed: RemovedImage[] = [];
  for (const digest of new Set(meanings.values())) {
    const gone = await removeManifest(removal, digest, name).catch((error: unknown) => failure(name, error));
    for (const [tag, meaning] of meanings) {
      if (meaning === digest) removed.push({ ...gone, digest, reference: `${name}:${tag}` });
    }
  }
  // What an index held is free only now, and may hold something itself.
  for (let left = await removal.untagged(); left.length > 0; left = await removal.untagged()) {
    for (const digest of left) removed.push(await removeManifest(removal, digest, `${name}@${digest}`));
  }
  return removed;
}

async function untaggedIn({ metadata, now }: Store, repository: RepositoryName): Promise<Digest[]> {
  const found: Digest[] = [];
  for (let after: string | undefined; ;) {
    const scan = await metadata.untaggedManifests(now() + 1, { after, limit: ROWS_A_SCAN });
    for (const one of scan.found) if (one.repository === repository) found.push(one.digest);
    if (scan.next === undefined) return found;
    after = scan.next;
  }
}

async function isDone(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function failure(reference: string, error: unknown): RemovedImage {
  const message = error instanceof Error ? error.message : String(error);
  return { reference, outcome: isNotFound(error) ? 'notFound' : 'failed', message };
}
