// Every read is a check: what is sure is there, what is surely gone is not, and every byte is right.
import { type Digest, isDigest } from '../../../src/oci/digest.ts';
import { MANIFEST_ACCEPT } from '../../../src/oci/media-type.ts';
import { type Client, at, checkDigest } from './client.ts';
import { BLOBS, PICTURES, type Picture, TAGS, pictureOf } from './images.ts';
import type { KnownRepository } from './known-repository.ts';

export async function readAnyBlob(client: Client, repository: KnownRepository): Promise<void> {
  await readBlob(client, repository, client.random.pick(BLOBS).digest);
}

/** Whoever asks by HEAD is promised that the blob stays. */
export async function leaseAnyBlob(client: Client, repository: KnownRepository): Promise<void> {
  const { digest } = client.random.pick(BLOBS);
  const { status } = await client.wire.send('HEAD', at(repository, `blobs/${digest}`), {
    expect: statusesOfBlob(repository, digest),
  });
  if (status !== 200) return;
  repository.leaseBlob(digest);
  repository.putBlob(digest, true);
}

export async function readPartOfBlob(client: Client, repository: KnownRepository): Promise<void> {
  const { random, wire } = client;
  const blob = random.pick(BLOBS.filter(({ sizeBytes }) => sizeBytes > 0));
  const bytes = Buffer.concat(blob.parts);
  const first = random.below(bytes.byteLength);
  const last = first + random.below(bytes.byteLength - first);
  const expect = statusesOfBlob(repository, blob.digest).map((status) => (status === 200 ? 206 : status));
  const headers = { range: `bytes=${first}-${last}` };
  const answer = await wire.send('GET', at(repository, `blobs/${blob.digest}`), { headers, expect });
  if (answer.status === 206 && !bytes.subarray(first, last + 1).equals(answer.bytes)) {
    throw new Error(`bytes ${first}-${last} of ${blob.digest} are other ones in ${repository.name}`);
  }
}

export async function readBlob(client: Client, repository: KnownRepository, digest: Digest): Promise<void> {
  const expect = statusesOfBlob(repository, digest);
  const { status, bytes } = await client.wire.send('GET', at(repository, `blobs/${digest}`), { expect });
  if (status === 200) checkDigest(bytes, digest);
}

export async function readAnyManifest(client: Client, repository: KnownRepository): Promise<void> {
  await readManifest(client, repository, client.random.pick(PICTURES).manifest.digest);
}

export async function readManifest(client: Client, repository: KnownRepository, digest: Digest): Promise<void> {
  const expect = statuses(repository.isManifestSure(digest), repository.isManifestSurelyGone(digest));
  const { status, bytes } = await client.wire.send('GET', at(repository, `manifests/${digest}`), asking(expect));
  if (status === 200) checkDigest(bytes, digest);
}

export async function readAnyTag(client: Client, repository: KnownRepository): Promise<void> {
  await readTag(client, repository, client.random.pick(TAGS));
}

/** The tag, and all that is below it. */
export async function readTag(client: Client, repository: KnownRepository, tag: string): Promise<void> {
  const { status, headers, bytes } = await client.wire.send(
    'GET',
    at(repository, `manifests/${tag}`),
    asking([200, 404]),
  );
  const digest = status === 404 ? undefined : (headers.get('docker-content-digest') ?? '');
  if (digest !== undefined && !isDigest(digest)) throw new Error(`${repository.name}:${tag} is "${digest}"`);
  const meanings = repository.meaningsOf(tag);
  if (meanings?.has(digest) === false) {
    throw new Error(`${repository.name}:${tag} is ${digest ?? 'gone'}, not ${[...meanings].join(' or ')}`);
  }
  repository.sawTag(tag, digest);
  if (digest === undefined) return;
  checkDigest(bytes, digest);
  await readBelow(client, repository, pictureOf(digest));
}

async function readBelow(client: Client, repository: KnownRepository, picture: Picture): Promise<void> {
  for (const { digest } of picture.blobs) await readBlob(client, repository, digest);
  for (const child of picture.children) {
    await readManifest(client, repository, child.manifest.digest);
    await readBelow(client, repository, child);
  }
}

function asking(expect: readonly number[]) {
  return { headers: { accept: MANIFEST_ACCEPT }, expect };
}

function statusesOfBlob(repository: KnownRepository, digest: Digest): readonly number[] {
  return statuses(repository.isBlobSure(digest), repository.isBlobSurelyGone(digest));
}

function statuses(isSure: boolean, isSurelyGone: boolean): readonly number[] {
  if (isSure) return [200];
  return isSurelyGone ? [404] : [200, 404];
}
