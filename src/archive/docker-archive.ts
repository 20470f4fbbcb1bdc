import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { OciLayout } from '../content/oci-layout.ts';
import { codeOf, toStorageError } from '../content/storage-error.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { LayoutRepository } from './layout-repository.ts';
import { checkImages, isLayout } from './layout-images.ts';
import { makeManifests } from './plain-images.ts';
import { UnpackedArchive } from './unpacked-archive.ts';

export interface ReadDockerArchiveOptions extends Call {
  /** An empty or missing folder for the layout; the caller removes it. */
  readonly scratch: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const READ_BYTES = 256 * 1024;

/**
 * Unpacks what `docker save` or `podman save` made, of whichever version, gzip-compressed or not, once and as it comes.
 * All is hashed, and the layers are those that the configs say. Throws UsageError, and leaves the folder empty then.
 *
 * Where an archive has no manifests, they are made here, and layers are compressed: the digests are not those that the
 * images have in a registry, since nothing in the archive says how that was compressed. The image IDs are the same.
 */
export async function readDockerArchive(
  file: string | ReadableStream<Uint8Array>,
  { scratch, now, signal }: ReadDockerArchiveOptions,
): Promise<LayoutRepository> {
  const label = typeof file === 'string' ? file : 'the archive';
  const body = typeof file === 'string' ? bytesOf(file) : file;
  await prepare(scratch).catch(async (error: unknown) => {
    if (typeof file !== 'string') await file.cancel();
    throw error;
  });
  try {
    const layout = await OciLayout.openOrCreate(scratch, { now });
    const archive = await UnpackedArchive.unpack(body, { label, blobs: layout.blobs, signal });
    const manifests = await (isLayout(archive) ? checkImages : makeManifests)(archive, { signal });
    if (manifests.length === 0) {
      throw new UsageError(`${label} holds no image: make it with docker save, podman save or skopeo copy`);
    }
    await layout.writeIndex({ manifests });
    return await LayoutRepository.open(scratch, { now });
  } catch (error) {
    await empty(scratch);
    throw error;
  }
}

async function prepare(scratch: string): Promise<void> {
  try {
    await mkdir(scratch, { recursive: true });
    const [name] = await readdir(scratch);
    if (name === undefined) return;
    throw new UsageError(`${scratch} holds ${JSON.stringify(name)}; an archive is unpacked in an empty folder only`);
  } catch (error) {
    throw toStorageError(error, scratch);
  }
}

async function empty(scratch: string): Promise<void> {
  for (const name of await readdir(scratch)) await rm(path.join(scratch, name), { recursive: true, force: true });
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw toFileError(error, file);
  }
}

function toFileError(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOENT') return new UsageError(`there is no file ${file}`, { cause: error });
  if (code === 'EISDIR') return new UsageError(`${file} is a folder, not an archive`, { cause: error });
  return code === undefined ? error : new UsageError(`${file} cannot be read (${code})`, { cause: error });
}
