// The files of a bundle, in a folder or in a tar. Their names are our own: `index.json`, `blobs/sha256/abcd…`.
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { TarFile } from '../archive/tar-file.ts';
import { BlobFile, openPlainFile } from '../content/filesystem/blob-file.ts';
import { OciLayout } from '../content/oci-layout.ts';
import { codeOf, nothingIfGone, toStorageError } from '../content/storage-error.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';

export interface BundleFiles extends AsyncDisposable {
  /** As the person wrote it. */
  readonly label: string;
  /** `undefined` when there is no such file. */
  sizeOf(name: string): Promise<number | undefined>;
  /**
   * Throws UsageError when there is no such file. The bytes are not hashed. With `isTransient` a chunk may hold its
   * bytes only until the next one is asked for.
   */
  stream(name: string, options?: { readonly isTransient?: boolean }): Promise<ReadableStream<Uint8Array>>;
  /** Of the blobs that are there. */
  digests(): Promise<readonly Digest[]>;
}

/** Throws UsageError for what is no image layout, and for an archive that nobody should unpack. */
export async function openBundleFiles(file: string, label: string): Promise<BundleFiles> {
  const status = await lstat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new UsageError(`there is no bundle ${label}`, { cause: error });
    throw toStorageError(error, label);
  });
  if (status.isDirectory()) return await openFolder(file, label);
  const tar = await TarFile.open(file, label);
  if (tar.members.has('oci-layout') && tar.members.has('index.json')) return tarFiles(tar);
  await tar[Symbol.asyncDispose]();
  throw new UsageError(`${label} is no bundle: it has no oci-layout and index.json; make one with wharf bundle create`);
}

export function blobName(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function tarFiles(tar: TarFile): BundleFiles {
  return {
    label: tar.label,
    sizeOf: async (name) => tar.members.get(name)?.sizeBytes,
    stream: async (name, options) => tar.stream(name, options),
    digests: async () => [...tar.members.keys()].flatMap(digestNamed),
    [Symbol.asyncDispose]: () => tar[Symbol.asyncDispose](),
  };
}

function digestNamed(name: string): Digest[] {
  const text = name.replace(/^blobs\/(sha256|sha512)\//, '$1:');
  return isDigest(text) ? [text] : [];
}

async function openFolder(folder: string, label: string): Promise<BundleFiles> {
  // Whether it is a layout at all, without links that lead elsewhere.
  await OciLayout.open(folder, { now: () => 0 });
  const toError = (error: unknown) => toStorageError(error, label);
  return {
    label,
    async sizeOf(name) {
      const status = await lstat(path.join(folder, name)).catch(nothingIfGone);
      return status?.isFile() === true ? status.size : undefined;
    },
    async stream(name) {
      const found = await openPlainFile(path.join(folder, name));
      if (found === undefined) throw new UsageError(`${label} has no plain file ${name}`);
      return new BlobFile(found, toError).stream();
    },
    async digests() {
      const lists = ['sha256', 'sha512'].map(async (algorithm) => {
        const names = (await readdir(path.join(folder, 'blobs', algorithm)).catch(nothingIfGone)) ?? [];
        return names.flatMap((name) => digestNamed(`blobs/${algorithm}/${name}`));
      });
      return (await Promise.all(lists)).flat();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
