// One download for several targets: what one of them asks the source for is kept on disk until all have had it.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Digest } from '../oci/digest.ts';
import type { Manifest } from '../oci/manifest.ts';
import type { BlobBody, BlobCall, Call, Source } from '../oci/repository.ts';
import { GrowingFile } from './growing-file.ts';

/**
 * The downloads of one run. Each image is a share of it: a blob that several images have is fetched once as long as one
 * of these shares lives, and goes with the last of them. A target that is slow or fails holds up nobody but itself.
 */
export class SharedDownloads {
  readonly #folder: () => Promise<string>;
  readonly #kept = new Map<Digest, Kept>();

  /** `folder`: makes the one that they are kept in, when the first is. */
  constructor(folder: () => Promise<string>) {
    this.#folder = folder;
  }

  /** Asked and fetched once, however many ask. The caller disposes of it when no target needs it any more. */
  of(from: Source): SharedSource {
    return new SharedSource(from, (digest, call) => this.#take(digest, from, call));
  }

  #take(digest: Digest, from: Source, call: BlobCall): Kept {
    const known = this.#kept.get(digest);
    if (known !== undefined && !known.isBroken) {
      known.users += 1;
      return known;
    }
    const forget = () => {
      if (this.#kept.get(digest) === kept) this.#kept.delete(digest);
    };
    const kept = new Kept(from, this.#download(digest, from, call), forget);
    this.#kept.set(digest, kept);
    return kept;
  }

  async #download(digest: Digest, from: Source, call: BlobCall): Promise<GrowingFile> {
    const folder = await this.#folder();
    const { sizeBytes, body } = await from.blob(digest, call);
    return await GrowingFile.of(path.join(folder, randomUUID()), sizeBytes, body);
  }
}

/** A download with those who still need it. */
class Kept {
  readonly from: Source;
  readonly file: Promise<GrowingFile>;
  users = 1;
  readonly #forget: () => void;
  #opened: GrowingFile | 'failed' | undefined;

  constructor(from: Source, file: Promise<GrowingFile>, forget: () => void) {
    this.from = from;
    this.file = file;
    this.#forget = forget;
    file.then(
      (opened) => (this.#opened = opened),
      () => (this.#opened = 'failed'),
    );
  }

  get isBroken(): boolean {
    return this.#opened === 'failed' || this.#opened?.hasFailed === true;
  }

  async leave(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    this.#forget();
    const file = await this.file.catch(() => undefined);
    await file?.[Symbol.asyncDispose]();
  }
}

export class SharedSource implements Source, AsyncDisposable {
  readonly #from: Source;
  readonly #take: (digest: Digest, call: BlobCall) => Kept;
  readonly #manifests = new Map<Digest, Promise<Manifest>>();
  readonly #blobs = new Map<Digest, Kept>();
  readonly #leaving: Promise<void>[] = [];

  constructor(from: Source, take: (digest: Digest, call: BlobCall) => Kept) {
    this.#from = from;
    this.#take = take;
  }

  resolve(...asked: Parameters<Source['resolve']>): ReturnType<Source['resolve']> {
    return this.#from.resolve(...asked);
  }

  statBlob(...asked: Parameters<Source['statBlob']>): ReturnType<Source['statBlob']> {
    return this.#from.statBlob(...asked);
  }

  /** One that could not be had is asked for again by whoever asks next. */
  manifest(digest: Digest, call: Call = {}): Promise<Manifest> {
    const asked = this.#manifests.get(digest) ?? this.#from.manifest(digest, call);
    this.#manifests.set(digest, asked);
    asked.catch(() => this.#manifests.delete(digest));
    return asked;
  }

  async blob(digest: Digest, call: BlobCall = {}): Promise<BlobBody> {
    for (;;) {
      const kept = this.#keptFor(digest, call);
      try {
        const file = await kept.file;
        return { sizeBytes: file.sizeBytes, body: file.read() };
      } catch (error) {
        // What another image's repository lacks ours may have.
        if (kept.from === this.#from || call.signal?.aborted === true) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#blobs.values()];
    this.#blobs.clear();
    for (const kept of all) this.#leaving.push(kept.leave());
    await Promise.all(this.#leaving);
  }

  // What broke is fetched anew; whoever reads it is told by the reading.
  #keptFor(digest: Digest, call: BlobCall): Kept {
    const known = this.#blobs.get(digest);
    if (known !== undefined && !known.isBroken) return known;
    const kept = this.#take(digest, call);
    this.#blobs.set(digest, kept);
    if (known !== undefined) this.#leaving.push(known.leave());
    return kept;
  }
}
