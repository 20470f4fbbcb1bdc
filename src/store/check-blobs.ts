import { forEach } from '../async/for-each.ts';
import type { BlobSize } from '../metadata/metadata-store.ts';
import { type Digest, DigestHasher, algorithmOf } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { nameRepositories } from './check-finding.ts';
import { Sampler } from './check-sample.ts';
import { scanInTurns } from './check-scan.ts';
import type { Check } from './check-store.ts';
import { type Loss, type Mended, mend } from './repair-loss.ts';

const BLOBS_AT_ONCE = 2;
const MAX_REPOSITORIES = 100;
const MAX_ORIGINS = 10;
const ALL = { share: 1 };
/** See `lossOf`. */
const LOOKS = 3;

/** Every blob that a repository may serve is there, in its size, and those of the sample hash to their digests. */
export async function checkBlobs(check: Check): Promise<void> {
  const { inspection, sample = ALL, seed, signal, onEvent } = check;
  const { blobs, sizeBytes } = await inspection.heldBlobTotals();
  const sampler = new Sampler(sample, blobs, seed);
  const share = blobs === 0 ? 0 : sampler.count / blobs;
  onEvent({ type: 'planned', blobs: sampler.count, sizeBytes: Math.round(sizeBytes * share) });
  const held = scanInTurns((page) => inspection.heldBlobs(page), signal);
  await forEach(held, BLOBS_AT_ONCE, (blob) => checkBlob(check, blob, sampler.takes(blob.digest)));
}

async function checkBlob(check: Check, { digest, sizeBytes }: BlobSize, isInSample: boolean): Promise<void> {
  const blob = await check.content.stat(digest);
  const isOdd = blob !== undefined && blob.sizeBytes !== sizeBytes;
  const verdict = blob !== undefined && (isInSample || isOdd) ? await hash(check, digest) : undefined;
  if (typeof verdict === 'object' && (await reportCorrupt(check, digest, verdict))) return;
  if (await reportMissing(check, digest)) return;
  if (isOdd && verdict === 'sound') await reportSize(check, digest);
}

interface Damage {
  readonly how: string;
}

type Verdict = 'sound' | 'gone' | Damage;

async function hash(check: Check, digest: Digest): Promise<Verdict> {
  const { onEvent } = check;
  const verdict = await read(check, digest, (count) => onEvent({ type: 'bytes', count }));
  if (verdict !== 'gone') onEvent({ type: 'hashed', digest });
  return verdict;
}

/** What a disk does not give is as lost as what it gives wrong. */
async function read({ content, signal }: Check, digest: Digest, onBytes: (count: number) => void): Promise<Verdict> {
  const hasher = new DigestHasher(algorithmOf(digest));
  try {
    await using blob = await content.open(digest);
    if (blob === undefined) return 'gone';
    for await (const bytes of blob.stream()) {
      signal?.throwIfAborted();
      hasher.update(bytes);
      onBytes(bytes.byteLength);
    }
  } catch (error) {
    signal?.throwIfAborted();
    return { how: `cannot be read (${error instanceof Error ? error.message : String(error)})` };
  }
  const found = hasher.digest();
  return found === digest ? 'sound' : { how: `holds other bytes, which hash to ${found}` };
}

/** `false` when it is not wrong any more: it is gone, or somebody committed it anew. */
async function reportCorrupt(check: Check, digest: Digest, { how }: Damage): Promise<boolean> {
  const place = await putAside(check, digest);
  if (place === 'sound') return false;
  const repositories = await holdersOf(check, digest);
  if (repositories.length === 0) return true;
  const where =
    place === 'quarantine' ? 'it was moved to the quarantine, and is not served' : 'it is still in its place';
  const what = `the blob ${digest} of ${nameRepositories(repositories)} ${how}; ${where}`;
  check.found({ kind: 'corrupt', digest, repositories, ...(await mendBlob(check, digest, repositories, what)) });
  return true;
}

async function putAside(check: Check, digest: Digest): Promise<'quarantine' | 'place' | 'sound'> {
  if (check.leaveCorrupt === true) {
    return typeof (await read(check, digest, () => undefined)) === 'object' ? 'place' : 'sound';
  }
  try {
    return (await check.content.quarantine(digest)) ? 'quarantine' : 'sound';
  } catch {
    // The disk does not give the blob, as before, or has no room for it elsewhere.
    return 'place';
  }
}

async function reportMissing(check: Check, digest: Digest): Promise<boolean> {
  const repositories = await lossOf(check, digest);
  if (repositories.length === 0) return false;
  const what = `the blob ${digest} of ${nameRepositories(repositories)} is missing`;
  check.found({ kind: 'missing', digest, repositories, ...(await mendBlob(check, digest, repositories, what)) });
  return true;
}

/**
 * Who may serve a blob that is not there. A collection that is under way may have moved it to the trash just before it
 * was given to a repository: it would bring it back, and so does this, unless its bytes are wrong. As long as a
 * repository has it no other collection begins to move it, so the third look at the latest finds it where it stays.
 */
async function lossOf(check: Check, digest: Digest): Promise<readonly RepositoryName[]> {
  const { content, onEvent } = check;
  let repositories: readonly RepositoryName[] = [];
  for (let look = 0; look < LOOKS; look += 1) {
    if ((await content.stat(digest)) !== undefined) return [];
    repositories = await holdersOf(check, digest);
    if (repositories.length === 0) return [];
    if ((await content.restore(digest)) && !(await content.quarantine(digest))) {
      onEvent({ type: 'restored', digest });
      return [];
    }
  }
  return repositories;
}

async function reportSize(check: Check, digest: Digest): Promise<void> {
  const { metadata, content, repairs } = check;
  const repositories = await holdersOf(check, digest);
  const [holder] = repositories;
  const recorded = holder && (await metadata.statBlob(holder, digest));
  const blob = await content.stat(digest);
  if (holder === undefined || recorded === undefined || blob === undefined) return;
  if (recorded.sizeBytes === blob.sizeBytes) return;
  if (repairs !== undefined) await metadata.addBlob(holder, { digest, sizeBytes: blob.sizeBytes });
  const what = `the blob ${digest} of ${nameRepositories(repositories)} has ${blob.sizeBytes} bytes, not ${recorded.sizeBytes} as recorded`;
  const then = repairs === undefined ? 'wharf check --repair records it right' : 'that was set right';
  check.found({
    kind: 'size',
    digest,
    repositories,
    message: `${what}; ${then}`,
    repaired: repairs !== undefined,
  });
}

async function mendBlob(
  check: Check,
  digest: Digest,
  repositories: readonly RepositoryName[],
  what: string,
): Promise<Mended> {
  const { inspection, repairs, signal } = check;
  if (repairs !== undefined && (await repairs.restoreBlob(digest))) {
    return { message: `${what}; it was taken back out of the trash`, repaired: true };
  }
  const origins = await inspection.blobOrigins(digest, MAX_ORIGINS);
  const restore: Loss['restore'] = async (by, source) => void (await by.fetchBlob(digest, source, { signal }));
  return await mend({ what, repositories, origins, restore, repairs, signal });
}

async function holdersOf({ metadata }: Check, digest: Digest): Promise<readonly RepositoryName[]> {
  return await metadata.repositoriesWith(digest, { limit: MAX_REPOSITORIES });
}
