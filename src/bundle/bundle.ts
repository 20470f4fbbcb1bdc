import { z } from 'zod';
import { parseJson } from '../archive/image-config.ts';
import { referenceOf, tagsOf } from '../archive/image-name.ts';
import { type Descriptor, descriptorSchema } from '../oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf, isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { MAX_MANIFEST_BYTES, type Manifest, readManifest } from '../oci/manifest.ts';
import { type Reference, type Tag, parseUntaggedReference } from '../oci/reference.ts';
import type { BlobBody, Resolution, Source } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import { type BundleFiles, blobName, openBundleFiles } from './bundle-files.ts';
import { LOCK_FILE, type LockFile, MAX_LOCK_BYTES, parseLockFile } from './lock-file.ts';

export interface BundledImage {
  readonly reference: Reference;
  /** In full. */
  readonly text: string;
  readonly digest: Digest;
}

const MAX_INDEX_BYTES = 16 * 1024 * 1024;
const indexSchema = z.object({ schemaVersion: z.literal(2), manifests: z.array(descriptorSchema) });
const versionSchema = z.object({ imageLayoutVersion: z.literal('1.0.0') });

/** A bundle to read. Dispose of it to close its file. */
export class Bundle implements AsyncDisposable {
  readonly label: string;
  readonly images: readonly BundledImage[];
  /** Image layouts that others made have none. */
  readonly lock: LockFile | undefined;
  readonly #files: BundleFiles;

  private constructor(files: BundleFiles, images: readonly BundledImage[], lock: LockFile | undefined) {
    this.label = files.label;
    this.images = images;
    this.lock = lock;
    this.#files = files;
  }

  /** Reads what it says of itself. Throws UsageError. */
  static async open(file: string, label = file): Promise<Bundle> {
    const files = await openBundleFiles(file, label);
    try {
      parseJson(await readText(files, 'oci-layout', MAX_LOCK_BYTES), versionSchema, `oci-layout of ${label}`);
      const index = parseJson(
        await readText(files, 'index.json', MAX_INDEX_BYTES),
        indexSchema,
        `index.json of ${label}`,
      );
      const images = index.manifests.map((entry) => imageOf(entry, label));
      return new Bundle(files, images, await readLock(files));
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Its content by digest. What it hands out was hashed, but blobs for a target that hashes them itself before it takes
   * them, and is done with each chunk before it asks for the next: then once is enough.
   */
  source(options: { readonly isHashedByTarget: boolean }): Source {
    const files = this.#files;
    return {
      async resolve(reference: Tag | Digest): Promise<Resolution> {
        if (!isDigest(reference)) throw new OciError('MANIFEST_UNKNOWN', `${files.label} is read by digest alone`);
        const { digest, mediaType, bytes } = await readBundled(files, reference);
        return { descriptor: { digest, mediaType, size: bytes.byteLength }, asOf: new Date(0) };
      },
      manifest: (digest) => readBundled(files, digest),
      async statBlob(digest) {
        const sizeBytes = await files.sizeOf(blobName(digest));
        return sizeBytes === undefined ? undefined : { sizeBytes };
      },
      async blob(digest): Promise<BlobBody> {
        const sizeBytes = await files.sizeOf(blobName(digest));
        if (sizeBytes === undefined) throw new OciError('BLOB_UNKNOWN', `${files.label} has no blob ${digest}`);
        const body = await files.stream(blobName(digest), { isTransient: options.isHashedByTarget });
        return { sizeBytes, body: options.isHashedByTarget ? body : verifyDigest(body, { digest, sizeBytes }) };
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
  }
}

/** What a bundle's lock file says; `undefined` where it has none. Throws UsageError. */
export async function readLock(files: BundleFiles): Promise<LockFile | undefined> {
  if ((await files.sizeOf(LOCK_FILE)) === undefined) return undefined;
  return parseLockFile(await readText(files, LOCK_FILE, MAX_LOCK_BYTES), `${LOCK_FILE} of ${files.label}`);
}

async function readText(files: BundleFiles, name: string, maxBytes: number): Promise<string> {
  const sizeBytes = (await files.sizeOf(name)) ?? 0;
  if (sizeBytes > maxBytes) {
    throw new UsageError(`${files.label} has a ${name} of ${sizeBytes} bytes; more than ${maxBytes} are not read`);
  }
  return new TextDecoder().decode(await readAll(await files.stream(name), maxBytes));
}

function imageOf(entry: Descriptor, label: string): BundledImage {
  const text = referenceOf(entry);
  if (text === undefined) {
    const tag = tagsOf(entry)[0] ?? entry.digest;
    throw new UsageError(
      `${label} has an image that is called ${tag} and nothing more, so nobody can tell its repository; ` +
        `copy it with wharf copy oci:DIR:TAG NAME`,
    );
  }
  const reference = parseUntaggedReference(text);
  return { reference, text, digest: entry.digest };
}

async function readBundled(files: BundleFiles, digest: Digest): Promise<Manifest> {
  const name = blobName(digest);
  const sizeBytes = await files.sizeOf(name);
  if (sizeBytes === undefined || sizeBytes > MAX_MANIFEST_BYTES) {
    throw new OciError('MANIFEST_UNKNOWN', `${files.label} has no manifest ${digest}`);
  }
  const bytes = await readAll(await files.stream(name), MAX_MANIFEST_BYTES);
  const found = digestOf(bytes, algorithmOf(digest));
  if (found !== digest) {
    throw new OciError('DIGEST_INVALID', `${files.label} has other bytes under ${digest}: they hash to ${found}`);
  }
  return { digest, mediaType: readManifest(bytes).mediaType, bytes };
}
