// What the side that a bundle is for has already: as an earlier bundle says it, its lock file, or a list of digests.
import { lstat, open, readFile } from 'node:fs/promises';
import { codeOf, toStorageError } from '../content/storage-error.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { parseUntaggedReference } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readLock } from './bundle.ts';
import { openBundleFiles } from './bundle-files.ts';
import { type LockFile, type LockedManifest, MAX_LOCK_BYTES, contentsOf, parseLockFile } from './lock-file.ts';
import type { Holdings } from './missing.ts';

export interface OtherSide {
  readonly holdings: Holdings;
  /** What is known of the manifests that it has: those need not be fetched to know what they are made of. */
  readonly manifests: ReadonlyMap<Digest, LockedManifest>;
  /** Of its blobs, as far as they are known. */
  readonly sizes: ReadonlyMap<Digest, number>;
}

export const NOTHING_THERE: OtherSide = { holdings: new Map(), manifests: new Map(), sizes: new Map() };

const TAR_MAGIC = { at: 257, text: 'ustar' };
const DIGEST_IN_LINE = /\b(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\b/;

/** Throws UsageError when it is none of these, and for a line of a list that has no digest. */
export async function readOtherSide(file: string, label: string): Promise<OtherSide> {
  const status = await lstat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new UsageError(`there is no ${label} to tell what the other side has`);
    throw toStorageError(error, label);
  });
  if (status.isDirectory() || (await isTar(file, status.size))) return await ofBundle(file, label);
  if (status.size > MAX_LOCK_BYTES) {
    throw new UsageError(
      `${label} is no bundle, and of ${status.size} bytes; more than ${MAX_LOCK_BYTES} are not read`,
    );
  }
  const text = await readFile(file, 'utf8');
  return text.trimStart().startsWith('{') ? ofLock(parseLockFile(text, label)) : ofList(text, label);
}

/** All that the images of a bundle need is there once it was applied, also what it did not hold itself. */
export function ofLock({ images, blobs, manifests: locked }: LockFile): OtherSide {
  const manifests = new Map(locked.filter(({ parts }) => parts.length > 0).map((each) => [each.digest, each]));
  const holdings = new Map<Digest, string>();
  for (const { reference, digest } of images) {
    const at = repositoryOf(reference);
    const contents = contentsOf(digest, manifests);
    for (const each of [digest, ...contents.manifests.map((one) => one.digest), ...contents.blobs]) {
      if (!holdings.has(each)) holdings.set(each, at);
    }
  }
  return { holdings, manifests, sizes: new Map(blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes])) };
}

/**
 * Lines of `NAME:TAG@DIGEST`, `NAME@DIGEST` or a digest alone; also the tags.tsv of `wharf manifests`. What follows a #
 * is a comment. An image that is named is believed to be there whole.
 */
export function ofList(text: string, label: string): OtherSide {
  const holdings = new Map<Digest, string>();
  for (const [index, written] of text.split('\n').entries()) {
    const line = written.replace(/(?:^|\s)#.*/, '').trim();
    if (line === '') continue;
    const [digest = ''] = DIGEST_IN_LINE.exec(line) ?? [];
    if (!isDigest(digest)) {
      throw new UsageError(
        `${label}:${index + 1}: ${JSON.stringify(line.slice(0, 100))} has no digest; write NAME:TAG@sha256:…, ` +
          'or give the tags.tsv of wharf manifests, an earlier bundle or its lock file',
      );
    }
    const name = line.slice(0, line.indexOf(digest)).replace(/[@\s]+$/, '');
    if (!holdings.has(digest)) holdings.set(digest, name === '' ? '' : named(name, `${label}:${index + 1}`));
  }
  return { ...NOTHING_THERE, holdings };
}

function named(name: string, where: string): string {
  try {
    return repositoryOf(name);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new UsageError(`${where}: ${error.message}`, { cause: error });
  }
}

/** `docker.io/library/nginx` */
function repositoryOf(reference: string): string {
  const { domain, repository } = parseUntaggedReference(reference);
  return `${domain}/${repository}`;
}

async function ofBundle(file: string, label: string): Promise<OtherSide> {
  await using files = await openBundleFiles(file, label);
  const lock = await readLock(files);
  if (lock !== undefined) return ofLock(lock);
  return { ...NOTHING_THERE, holdings: new Map((await files.digests()).map((digest) => [digest, ''])) };
}

async function isTar(file: string, sizeBytes: number): Promise<boolean> {
  if (sizeBytes < 512) return false;
  await using handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(TAR_MAGIC.text.length), 0, TAR_MAGIC.text.length, TAR_MAGIC.at);
  return buffer.toString('latin1') === TAR_MAGIC.text;
}
