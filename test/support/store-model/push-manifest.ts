import { type Client, at, change } from './client.ts';
import { PICTURES, type Picture, TAGS } from './images.ts';
import type { KnownRepository } from './known-repository.ts';
import { pushBlob } from './push-blob.ts';

/** While it is pushed, others delete parts of it. */
const MAX_ATTEMPTS = 3;

export async function pushPicture(client: Client, repository: KnownRepository): Promise<void> {
  const { random } = client;
  const tag = random.chance(0.8) ? random.pick(TAGS) : undefined;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    if (await isPushed(client, repository, random.pick(PICTURES), tag)) return;
  }
}

/** Children before parents; `false` when something that was never promised is missing. */
async function isPushed(client: Client, repository: KnownRepository, picture: Picture, tag?: string): Promise<boolean> {
  for (const child of picture.children) {
    const isThere = repository.isManifestSure(child.manifest.digest);
    if (!isThere && !(await isPushed(client, repository, child))) return false;
  }
  for (const blob of picture.blobs) {
    // Some ways end without the blob.
    while (!repository.isBlobSure(blob.digest)) {
      await pushBlob(client, repository, blob);
      if (repository.isShared || client.random.chance(0.5)) break;
    }
  }
  return await isPut(client, repository, picture, tag);
}

async function isPut(client: Client, repository: KnownRepository, picture: Picture, tag: string | undefined) {
  const { digest, mediaType, bytes } = picture.manifest;
  const isWhole =
    picture.blobs.every((blob) => repository.isBlobSure(blob.digest)) &&
    picture.children.every((child) => repository.isManifestSure(child.manifest.digest));
  const sending = {
    headers: { 'content-type': mediaType },
    body: Buffer.from(bytes),
    expect: isWhole ? [201] : [201, 400],
  };
  const path = at(repository, `manifests/${tag ?? digest}`);
  const { status } = await change(client, ['PUT', path, sending], (isAcknowledged) => {
    repository.putManifest(picture, tag, isAcknowledged);
  });
  return status === 201;
}
