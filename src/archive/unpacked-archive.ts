import type { BlobStore } from '../content/blob-store.ts';
import { type Digest, DigestHasher, algorithmOf, isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { type ArchiveFile, archiveEntries } from './archive-entries.ts';
import { quote } from './image-name.ts';

export interface StoredFile {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** The files that say what the others are. They are kept in memory. */
const SAYING = ['oci-layout', 'index.json', 'manifest.json'] as const;
/** Of an older format still, which nobody reads any more; each layer has them. */
const PASSED_OVER = /(?:^|\/)(?:VERSION|json|repositories)$/;
const MAX_JSON_BYTES = 16 * 1024 * 1024;
const MAX_LINKS = 8;
const END_OF_TIME = new Date(8.64e15);
const BLOB_NAME = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/;

/** A `docker save` archive whose files are blobs by now, with their former names. */
export class UnpackedArchive {
  readonly label: string;
  readonly blobs: BlobStore;
  readonly #said = new Map<string, string>();
  readonly #files = new Map<string, StoredFile>();
  readonly #links = new Map<string, string>();

  private constructor(label: string, blobs: BlobStore) {
    this.label = label;
    this.blobs = blobs;
  }

  /** Reads the archive once, to its end. Throws UsageError; what was stored until then stays. */
  static async unpack(
    body: AsyncIterable<Uint8Array>,
    to: Call & { readonly label: string; readonly blobs: BlobStore },
  ): Promise<UnpackedArchive> {
    const unpacked = new UnpackedArchive(to.label, to.blobs);
    for await (const entry of archiveEntries(body, to.label)) {
      to.signal?.throwIfAborted();
      if (entry.kind === 'link') unpacked.#links.set(entry.name, entry.target);
      else await unpacked.#take(entry, to);
    }
    return unpacked;
  }

  /** The text of such a file; `undefined` when there is none. */
  said(name: (typeof SAYING)[number]): string | undefined {
    return this.#said.get(name);
  }

  /** What is under a name, also by way of links. Throws UsageError when nothing is. */
  file(name: string): StoredFile {
    let target = name;
    for (let hops = 0; hops <= MAX_LINKS; hops += 1) {
      const file = this.#files.get(target);
      if (file !== undefined) return file;
      target = this.#links.get(target) ?? '';
    }
    throw new UsageError(`${this.label} has no file ${quote(name)}, which its manifest.json names`);
  }

  /** Frees the space of a blob that something else was made of. */
  async remove(digest: Digest): Promise<void> {
    await this.blobs.delete(digest);
    await this.blobs.emptyTrash(END_OF_TIME);
  }

  async #take(entry: ArchiveFile, call: Call): Promise<void> {
    const { name, sizeBytes, body } = entry;
    if (PASSED_OVER.test(name)) {
      await body.pipeTo(new WritableStream());
      return;
    }
    const isSaying = SAYING.some((one) => one === name);
    if ((isSaying || name.endsWith('.json')) && sizeBytes > MAX_JSON_BYTES) {
      throw new UsageError(
        `${this.label} has a file ${quote(name)} of ${sizeBytes} bytes; more than ${MAX_JSON_BYTES} are not read`,
      );
    }
    if (isSaying) this.#said.set(name, new TextDecoder().decode(await readAll(body, MAX_JSON_BYTES)));
    else this.#files.set(name, await this.#store(entry, call));
  }

  async #store({ name, body }: ArchiveFile, call: Call): Promise<StoredFile> {
    const digest = name.replace(BLOB_NAME, '$1:$2');
    try {
      return await storeBytes(this.blobs, body, { ...call, digest: isDigest(digest) ? digest : undefined });
    } catch (error) {
      if (!(error instanceof OciError) || error.code !== 'DIGEST_INVALID') throw error;
      throw new UsageError(`${this.label} has other bytes under ${quote(name)} than the name says: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Makes a blob of the bytes. Throws DIGEST_INVALID when a digest is given that is not theirs, and stores nothing. */
export async function storeBytes(
  blobs: BlobStore,
  body: AsyncIterable<Uint8Array>,
  { digest, signal }: Call & { readonly digest?: Digest | undefined } = {},
): Promise<StoredFile> {
  const hasher = new DigestHasher('sha256');
  await using ingest = await blobs.begin(digest && algorithmOf(digest));
  try {
    for await (const bytes of body) {
      signal?.throwIfAborted();
      if (digest === undefined) hasher.update(bytes);
      await ingest.append(bytes);
    }
  } catch (error) {
    await ingest.abort();
    throw error;
  }
  const { sizeBytes } = ingest;
  const found = digest ?? hasher.digest();
  await ingest.commit(found);
  return { digest: found, sizeBytes };
}
