import { type Client, at, change } from './client.ts';
import { BLOBS, PICTURES, TAGS } from './images.ts';
import type { KnownRepository } from './known-repository.ts';

export async function deleteBlob(client: Client, repository: KnownRepository): Promise<void> {
  const { digest } = client.random.pick(BLOBS);
  const expect = repository.isBlobSure(digest) ? [202] : [202, 404];
  const note = (isAcknowledged: boolean) => repository.deleteBlob(digest, isAcknowledged);
  await change(client, ['DELETE', at(repository, `blobs/${digest}`), { expect }], note);
}

export async function deleteManifest(client: Client, repository: KnownRepository): Promise<void> {
  const { digest } = client.random.pick(PICTURES).manifest;
  const expect = repository.isManifestSure(digest) ? [202] : [202, 404];
  const note = (isAcknowledged: boolean) => repository.deleteManifest(digest, isAcknowledged);
  await change(client, ['DELETE', at(repository, `manifests/${digest}`), { expect }], note);
}

export async function deleteTag(client: Client, repository: KnownRepository): Promise<void> {
  const tag = client.random.pick(TAGS);
  const expect = repository.meaningsOf(tag)?.has(undefined) === false ? [202] : [202, 404];
  const note = (isAcknowledged: boolean) => repository.deleteTag(tag, isAcknowledged);
  await change(client, ['DELETE', at(repository, `manifests/${tag}`), { expect }], note);
}
