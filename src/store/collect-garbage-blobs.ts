import type { Digest } from '../oci/digest.ts';
import { type Collection, inTurns, scanInTurns } from './collection.ts';

/** A collection that was killed between taking a blob away and asking whether it might has left it in the trash. */
export async function bringBackNeededBlobs(collection: Collection): Promise<void> {
  const { metadata, content, collected, signal } = collection;
  for await (const digests of content.listTrash()) {
    signal?.throwIfAborted();
    const unknown = new Set(await metadata.unknownBlobs(digests));
    for (const digest of digests) {
      if (unknown.has(digest) || (await content.stat(digest)) !== undefined) continue;
      if (await content.restore(digest)) collected.broughtBack += 1;
    }
  }
}

/** Bytes that a killed push left, or a killed collection, once they are old enough. */
export async function deleteUnknownBlobs(collection: Collection): Promise<void> {
  const { metadata, content, before } = collection;
  for await (const digests of content.list()) {
    const unknown = await metadata.unknownBlobs(digests);
    for await (const some of inTurns(unknown, collection)) await deleteBlobs(collection, some, new Date(before));
  }
}

/** Forgets blobs before their bytes are deleted, so that nobody is told of what is gone. */
export async function deleteUnreferencedBlobs(collection: Collection): Promise<void> {
  const { metadata, before } = collection;
  const found = scanInTurns((page) => metadata.unreferencedBlobs(before, page), collection);
  for await (const digests of found) {
    await deleteBlobs(collection, await metadata.forgetBlobs(digests, before));
  }
}

/** Takes from repositories what none of their manifests names. */
export async function forgetUnnamedBlobs(collection: Collection): Promise<void> {
  const { metadata, before } = collection;
  const found = scanInTurns((page) => metadata.unnamedBlobs(before, page), collection);
  for await (const blobs of found) await metadata.forgetUnnamedBlobs(blobs, before);
}

/**
 * Moves bytes to the trash that nobody needs. Who pushes the same ones meanwhile finds them to be there already, and they
 * go with the old ones: so it is asked once more which may be gone, and what anyone has begun to need comes back, also
 * when that cannot be asked.
 */
export async function deleteBlobs(
  collection: Collection,
  digests: readonly Digest[],
  placedBefore?: Date,
): Promise<void> {
  const { metadata, content, collected, signal } = collection;
  const deleted = new Map<Digest, number>();
  let unneeded: ReadonlySet<Digest> = new Set();
  try {
    for (const digest of digests) {
      signal?.throwIfAborted();
      const blob = await content.delete(digest, placedBefore);
      if (blob !== undefined) deleted.set(digest, blob.sizeBytes);
    }
  } finally {
    try {
      unneeded = new Set(await metadata.unknownBlobs([...deleted.keys()]));
    } finally {
      const needed = [...deleted.keys()].filter((digest) => !unneeded.has(digest));
      await Promise.all(needed.map((digest) => content.restore(digest)));
    }
  }
  for (const digest of unneeded) {
    collected.blobs += 1;
    collected.sizeBytes += deleted.get(digest) ?? 0;
  }
}
