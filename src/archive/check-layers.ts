import type { BlobStore } from '../content/blob-store.ts';
import { type Digest, DigestHasher, algorithmOf } from '../oci/digest.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { decompressorOf } from './compression.ts';
import { peek, through } from './through.ts';

export interface CheckedLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  /** As in `layer 3 of nginx:1.27`. */
  readonly label: string;
}

/** Knows which layers are what their images' configs say, each looked at once. */
export class LayerChecks {
  readonly #blobs: BlobStore;
  readonly #call: Call;
  readonly #diffIds = new Map<string, Promise<Digest>>();

  constructor(blobs: BlobStore, call: Call) {
    this.#blobs = blobs;
    this.#call = call;
  }

  /** Throws UsageError that names the layer when it is not what the config says. */
  async check({ digest, diffId, label }: CheckedLayer): Promise<void> {
    if (digest === diffId) return;
    const found = await this.#diffIdOf(digest, algorithmOf(diffId), label);
    if (found === diffId) return;
    throw new UsageError(
      `${label} is another one than the image's config says: it hashes to ${found}, not to ${diffId}`,
    );
  }

  #diffIdOf(digest: Digest, algorithm: ReturnType<typeof algorithmOf>, label: string): Promise<Digest> {
    const key = `${digest} ${algorithm}`;
    const known = this.#diffIds.get(key) ?? this.#hash(digest, new DigestHasher(algorithm), label);
    this.#diffIds.set(key, known);
    return known;
  }

  async #hash(digest: Digest, hasher: DigestHasher, label: string): Promise<Digest> {
    const blob = await this.#blobs.open(digest);
    if (blob === undefined) throw new UsageError(`${label}, ${digest}, is missing`);
    const { head, body } = await peek(blob.stream(), 4);
    const decompressor = decompressorOf(head);
    const plain = decompressor === undefined ? body : through(body, decompressor);
    try {
      for await (const bytes of plain) {
        this.#call.signal?.throwIfAborted();
        hasher.update(bytes);
      }
    } catch (error) {
      if (!isCompressionError(error)) throw error;
      throw new UsageError(`${label}, ${digest}, cannot be decompressed: ${error.message}`, { cause: error });
    }
    return hasher.digest();
  }
}

function isCompressionError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_|ERR__?ZSTD)/.test(String(error.code));
}
