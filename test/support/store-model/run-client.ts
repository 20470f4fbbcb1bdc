import type { Action, Client } from './client.ts';
import { deleteBlob, deleteManifest, deleteTag } from './delete.ts';
import { TAGS } from './images.ts';
import type { KnownRepository } from './known-repository.ts';
import { listReferrers, listRepositories, listTags } from './list.ts';
import { pushAnyBlob } from './push-blob.ts';
import { pushPicture } from './push-manifest.ts';
import { leaseAnyBlob, readAnyBlob, readAnyManifest, readAnyTag, readPartOfBlob } from './read.ts';
import { readBlob, readManifest, readTag } from './read.ts';
import { CutOff } from './wire.ts';

const ACTIONS: readonly (readonly [weight: number, Action])[] = [
  [6, pushPicture],
  [3, pushAnyBlob],
  [3, readAnyTag],
  [1, readAnyManifest],
  [2, readAnyBlob],
  [1, readPartOfBlob],
  [2, leaseAnyBlob],
  [1, listTags],
  [1, listReferrers],
  [1, listRepositories],
  [2, deleteBlob],
  [2, deleteManifest],
  [1, deleteTag],
];
const CHOICES = ACTIONS.flatMap(([weight, action]) => Array<Action>(weight).fill(action));

/** Rejects when the registry breaks a promise. */
export async function actAtRandom(client: Client, shared: readonly KnownRepository[]): Promise<void> {
  const { random, repositories } = client;
  const repository = random.pick(random.chance(0.3) ? shared : repositories);
  await unlessCutOff(() => random.pick(CHOICES)(client, repository));
}

/** Everything that the client knows about its own repositories. */
export async function checkAll(client: Client): Promise<void> {
  for (const repository of client.repositories) {
    for (const tag of TAGS) await readTag(client, repository, tag);
    for (const digest of repository.manifests) await readManifest(client, repository, digest);
    for (const digest of repository.blobs) await readBlob(client, repository, digest);
    await listTags(client, repository);
  }
}

async function unlessCutOff(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof CutOff)) throw error;
  }
}
