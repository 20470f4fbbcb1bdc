// image-spec, image-layout.md: a folder of blobs, and an index of what they are.
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type Descriptor, descriptorSchema } from '../oci/descriptor.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import type { BlobStore } from './blob-store.ts';
import { BlobFile, openPlainFile } from './filesystem/blob-file.ts';
import { BlobFolder, syncFolder } from './filesystem/blob-folder.ts';
import { FilesystemBlobStore } from './filesystem/filesystem-blob-store.ts';
import { nothingIfGone, toStorageError } from './storage-error.ts';

export interface OciLayoutOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What a layout holds; a name is the annotation org.opencontainers.image.ref.name, and need not be the only one. */
export interface LayoutIndex {
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Fields that nobody here knows; as those of its descriptors, they are there to be written back. */
  readonly more?: Readonly<Record<string, unknown>> | undefined;
}

const VERSION_FILE = 'oci-layout';
const INDEX_FILE = 'index.json';
const BLOBS_FOLDER = 'blobs';
const WORK_FOLDER = '.wharf-v1';
const MAX_VERSION_BYTES = 4096;
/** For about 50,000 names. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

const versionSchema = z.object({ imageLayoutVersion: z.literal('1.0.0') });
const entrySchema = descriptorSchema
  .loose()
  .extend({ platform: descriptorSchema.shape.platform.unwrap().loose().optional() });
const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(entrySchema),
  annotations: z.record(z.string(), z.string()).optional(),
});

/**
 * A folder that other programs read and write too.
 *
 *     DIR/oci-layout                    {"imageLayoutVersion":"1.0.0"}
 *         index.json                    replaced as a whole; of two processes that write it, the last one has its way
 *         blobs/sha256/abcd…            hashed whenever it is opened
 *               sha512/abcd…
 *         .wharf-v1/uploads             what FilesystemBlobStore has beside its blobs
 *                   trash
 *                   quarantine
 *                   index.json.ID       an index in the making
 *
 * Links below DIR are not followed.
 */
export class OciLayout {
  readonly blobs: BlobStore;
  readonly #folder: string;

  private constructor(folder: string, options: OciLayoutOptions) {
    const blobs = path.join(folder, BLOBS_FOLDER);
    const work = path.join(folder, WORK_FOLDER);
    this.blobs = new FilesystemBlobStore(new BlobFolder({ blobs, work, fanOut: 0 }), { ...options, isForeign: true });
    this.#folder = folder;
  }

  /** Throws UsageError when the folder is no layout, or one that leads elsewhere. Writes nothing. */
  static async open(folder: string, options: OciLayoutOptions): Promise<OciLayout> {
    try {
      await refuseLinks(folder);
      const file = path.join(folder, VERSION_FILE);
      const text = await readSmallFile(file, MAX_VERSION_BYTES);
      if (text === undefined) throw new UsageError(`${folder} is no OCI image layout: it has no file ${VERSION_FILE}`);
      parse(file, text, versionSchema);
    } catch (error) {
      throw toStorageError(error, folder);
    }
    return new OciLayout(folder, options);
  }

  /** The same, but makes an empty layout of an empty or missing folder. */
  static async openOrCreate(folder: string, options: OciLayoutOptions): Promise<OciLayout> {
    try {
      await mkdir(folder, { recursive: true });
      const names = await readdir(folder);
      if (!names.includes(VERSION_FILE)) await create(folder, names);
    } catch (error) {
      throw toStorageError(error, folder);
    }
    return await OciLayout.open(folder, options);
  }

  /** Throws UsageError when it is missing, no index, or larger than 16 MiB. */
  async readIndex(): Promise<LayoutIndex> {
    const file = path.join(this.#folder, INDEX_FILE);
    try {
      const text = await readSmallFile(file, MAX_INDEX_BYTES);
      if (text === undefined) throw new UsageError(`${this.#folder} has no plain file ${INDEX_FILE}`);
      const { schemaVersion: _, mediaType: __, manifests, annotations, ...more } = parse(file, text, indexSchema);
      return { manifests, annotations, ...(Object.keys(more).length > 0 && { more }) };
    } catch (error) {
      throw toStorageError(error, this.#folder);
    }
  }

  /** Its blobs have to be there before. Replaces the former one at once, or, when it throws, not at all. */
  async writeIndex(index: LayoutIndex): Promise<void> {
    await writeIndex(this.#folder, index).catch((error: unknown) => {
      throw toStorageError(error, this.#folder);
    });
  }
}

/** The names are those that are there: a creation that was broken off is gone on with. */
async function create(folder: string, names: readonly string[]): Promise<void> {
  const stranger = names.find((name) => ![INDEX_FILE, BLOBS_FOLDER, WORK_FOLDER].includes(name));
  if (stranger !== undefined) {
    throw new UsageError(
      `${folder} is no OCI image layout, and holds ${JSON.stringify(stranger)}; choose an empty folder`,
    );
  }
  await refuseLinks(folder);
  await mkdir(path.join(folder, BLOBS_FOLDER), { recursive: true });
  if (!names.includes(INDEX_FILE)) await writeIndex(folder, { manifests: [] });
  await replaceFile(folder, VERSION_FILE, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}

async function writeIndex(folder: string, { manifests, annotations, more }: LayoutIndex): Promise<void> {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, ...more, manifests, annotations });
  if (Buffer.byteLength(text) > MAX_INDEX_BYTES) {
    throw new UsageError(
      `the index of ${folder} would exceed 16 MiB; spread its ${manifests.length} images over several`,
    );
  }
  await replaceFile(folder, INDEX_FILE, text);
}

async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const work = path.join(folder, WORK_FOLDER);
  const temporary = path.join(work, `${name}.${randomUUID()}`);
  await mkdir(work, { recursive: true });
  try {
    await writeNewFile(temporary, text);
    await rename(temporary, path.join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function writeNewFile(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'wx');
  await handle.writeFile(text);
  await handle.sync();
}

/** Whoever made the layout could lead us to any place of this machine with a link. */
async function refuseLinks(folder: string): Promise<void> {
  const algorithms = ['sha256', 'sha512'].map((algorithm) => path.join(BLOBS_FOLDER, algorithm));
  const work = ['uploads', 'trash', 'quarantine'].map((name) => path.join(WORK_FOLDER, name));
  for (const name of [BLOBS_FOLDER, ...algorithms, WORK_FOLDER, ...work]) {
    const inside = path.join(folder, name);
    const status = await lstat(inside).catch(nothingIfGone);
    if (status?.isDirectory() === false) {
      throw new UsageError(`${inside} is no folder of its own, but a link or a file; such a layout is not used`);
    }
  }
}

/** `undefined` when there is no such file, or something else has its name. */
async function readSmallFile(file: string, maxBytes: number): Promise<string | undefined> {
  const found = await openPlainFile(file);
  if (found === undefined) return undefined;
  await using content = new BlobFile(found, (error) => error);
  if (content.sizeBytes > maxBytes) {
    throw new UsageError(`${file} has ${content.sizeBytes} bytes, and more than ${maxBytes} are not read`);
  }
  return new TextDecoder().decode(await readAll(content.stream(), maxBytes));
}

function parse<T>(file: string, text: string, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file} is not JSON`, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  // A key of the file may hold what a terminal would obey.
  const where = JSON.stringify(issue?.path.join('.') ?? '').slice(0, 100);
  throw new UsageError(`${file} is invalid at ${where}: ${issue?.message ?? 'unreadable'}`);
}
