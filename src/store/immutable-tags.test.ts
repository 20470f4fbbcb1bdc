// Several processes serve one store, and an immutable tag is one for all of them.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Graph, image } from '../../test/support/image-graph.ts';
import { TemporaryMetadata } from '../../test/support/metadata/temporary-metadata.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import type { Digest } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parsePattern } from '../oci/pattern.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import type { StoredRepository } from './stored-repository.ts';
import { StoredRegistry } from './stored-registry.ts';
import { StoredTargets } from './stored-target.ts';

const APP = parseRepositoryName('team/app');
const V1 = parseTag('v1');
const graphs = [image('one', []), image('two', [])] as const;
let temporary: TemporaryMetadata;
let content: MemoryBlobStore;

beforeEach(() => {
  temporary = new TemporaryMetadata();
  content = new MemoryBlobStore({ now });
});
afterEach(() => temporary[Symbol.asyncDispose]());

const now = () => temporary.clock.now();

/** As another process would have it. */
async function openStore() {
  const metadata = await temporary.open();
  for (const { digest, sizeBytes } of graphs.flatMap(({ blobs }) => blobs)) {
    await metadata.addBlob(APP, { digest, sizeBytes });
  }
  const registry = new StoredRegistry({ metadata, content, now, immutable: [parsePattern('team/app:v*')] });
  return { registry, metadata, repository: registry.repository(APP) };
}

async function put(repository: StoredRepository, { manifest }: Graph): Promise<Digest> {
  await repository.putManifest(manifest, readManifest(manifest.bytes).content, [V1]);
  return manifest.digest;
}

test('of two processes that push it at the same moment one is refused', async () => {
  const stores = [await openStore(), await openStore()];
  const pushes = stores.map(({ repository }, nth) => put(repository, graphs[nth] ?? graphs[0]));
  const outcomes = await Promise.allSettled(pushes);
  const accepted = outcomes.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
  expect(accepted).toHaveLength(1);
  expect(outcomes.find((one) => one.status === 'rejected')?.reason).toMatchObject({
    code: 'DENIED',
    message: `the tag team/app:v1 is immutable, and stays at ${accepted[0]}`,
  });
  for (const { metadata } of stores) expect(await metadata.resolveTag(APP, V1)).toMatchObject({ digest: accepted[0] });
});

test('a manifest that is tagged while it is being deleted stays', async () => {
  const [one, two] = [await openStore(), await openStore()];
  const digest = await put(one.repository, graphs[0]);
  await one.metadata.deleteTag(APP, V1);
  const [tagged, deleted] = await Promise.allSettled([
    put(one.repository, graphs[0]),
    two.repository.deleteManifest(digest),
  ]);
  expect(tagged.status).toBe('fulfilled');
  if (deleted.status === 'rejected') expect(deleted.reason).toMatchObject({ code: 'DENIED' });
  expect(await one.metadata.resolveTag(APP, V1)).toMatchObject({ digest });
});

test('a sync does not move it either', async () => {
  const { registry, metadata, repository } = await openStore();
  await put(repository, graphs[0]);
  const target = new StoredTargets({ registry, metadata, content, now }).repository(APP);
  await expect(target.put(graphs[1].manifest, [V1])).rejects.toMatchObject({ code: 'DENIED' });
  await target.put(graphs[0].manifest, [V1]);
});
