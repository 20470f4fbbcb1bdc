// What was paid for is never paid for twice: manifests are kept until whoever wanted them has them, and longer.
//
//     DATA/manifests-v1/sha256/ab/abcd…            the bytes, as they came
//                                 abcd….UUID.new   one in the making; old ones are of killed processes
//                       paying/abc.lock            locked while a process pays for one whose digest begins so
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../async/clock.ts';
import { SingleFlight } from '../async/single-flight.ts';
import { sayWhatToDo } from '../database/disk-error.ts';
import { type Digest, algorithmOf, digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { MAX_MANIFEST_BYTES, type Manifest, readManifest } from '../oci/manifest.ts';
import type { Call } from '../oci/repository.ts';
import { FileLock } from '../database/file-lock.ts';

export interface PaidManifestsOptions {
  readonly clock: Clock;
  readonly maxBytes?: number | undefined;
  readonly maxAgeMs?: number | undefined;
}

/** Several times the whole library: 2,247 images of 18 manifests of 3 KB. */
const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;
const DEFAULT_MAX_AGE_MS = 30 * 86_400_000;
const STRAY_AGE_MS = 3_600_000;
/** Whoever has not paid by then may have been stopped; paying twice is better than waiting for ever. */
const LONGEST_TURN_MS = 60_000;
const FIRST_LOOK_MS = 20;
const LATER_LOOK_MS = 500;
/** Room is made for a while, not for one manifest. */
const KEPT_SHARE = 0.9;

interface KeptFile {
  readonly file: string;
  readonly bytes: number;
  readonly atMs: number;
}

export class PaidManifests {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #sweeps = new SingleFlight<'sweep', void>();
  /** Other processes add some too; a sweep counts again. */
  #bytes: number | undefined;

  constructor(dataFolder: string, options: PaidManifestsOptions) {
    this.#folder = path.join(dataFolder, 'manifests-v1');
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#maxAgeMs = options.maxAgeMs ?? DEFAULT_MAX_AGE_MS;
  }

  /** Whether it was kept; only `get` tells whether its bytes are right. */
  async has(digest: Digest): Promise<boolean> {
    return (await stat(this.#fileOf(digest)).catch(nothingIfGone)) !== undefined;
  }

  /** `undefined` when it is not there, or was there with wrong bytes: those are removed. */
  async get(digest: Digest): Promise<Manifest | undefined> {
    const file = this.#fileOf(digest);
    try {
      const { size } = await stat(file);
      const manifest = size > MAX_MANIFEST_BYTES ? undefined : verified(digest, await readFile(file));
      if (manifest === undefined) await rm(file, { force: true });
      return manifest;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw sayWhatToDo(error, file);
    }
  }

  /** Throws DIGEST_INVALID for other bytes than the digest's, and UsageError when there is no room. */
  async put({ digest, bytes }: Manifest): Promise<void> {
    if (verified(digest, bytes) === undefined) {
      throw new OciError('DIGEST_INVALID', `the bytes to keep as manifest ${digest} hash to something else`);
    }
    try {
      await this.#write(this.#fileOf(digest), bytes);
      if (this.#bytes !== undefined) this.#bytes += bytes.byteLength;
      if (this.#bytes === undefined || this.#bytes > this.#maxBytes) await this.sweep();
    } catch (error) {
      throw sayWhatToDo(error, this.#folder);
    }
  }

  /**
   * What is kept, or else what `pay` brings, which is kept from then on. Of the processes that want it at the same time
   * one pays, and the others wait for what it brings.
   */
  async getOrPay(digest: Digest, pay: () => Promise<Manifest>, { signal }: Call = {}): Promise<Manifest> {
    using _turn = await this.#takeTurn(digest, signal);
    const kept = await this.get(digest);
    if (kept !== undefined) return kept;
    const manifest = await pay();
    await this.put(manifest);
    return manifest;
  }

  async delete(digest: Digest): Promise<void> {
    await rm(this.#fileOf(digest), { force: true });
  }

  /** Removes what is too old, and then the oldest until there is room. Happens by itself, now and then. */
  async sweep(): Promise<void> {
    await this.#sweeps.run('sweep', () => this.#sweep());
  }

  /** `undefined` when another process has it for too long. */
  async #takeTurn(digest: Digest, signal: AbortSignal | undefined): Promise<FileLock | undefined> {
    // A lock's file stays, so there is one for each beginning of a digest, and not one for each digest.
    const beginning = digest.slice(algorithmOf(digest).length + 1).slice(0, 3);
    const file = path.join(this.#folder, 'paying', `${beginning}.lock`);
    try {
      await mkdir(path.dirname(file), { recursive: true });
      let lookMs = FIRST_LOOK_MS;
      for (let waitedMs = 0; waitedMs < LONGEST_TURN_MS; waitedMs += lookMs) {
        const lock = FileLock.take(file);
        if (lock !== undefined) return lock;
        lookMs = Math.min(2 * lookMs, LATER_LOOK_MS);
        await this.#clock.sleep(lookMs, signal);
      }
      return undefined;
    } catch (error) {
      throw sayWhatToDo(error, file);
    }
  }

  async #write(file: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${file}.${randomUUID()}.new`;
    await mkdir(path.dirname(file), { recursive: true });
    try {
      await writeDurably(temporary, bytes);
      const at = this.#clock.now() / 1000;
      await utimes(temporary, at, at);
      await rename(temporary, file);
      await syncFolder(path.dirname(file));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#clock.now();
    const files = await this.#list();
    for (const { file, atMs } of files.filter(isUnfinished)) {
      if (nowMs - atMs > STRAY_AGE_MS) await rm(file, { force: true });
    }
    const kept = files.filter((file) => !isUnfinished(file));
    let bytes = kept.reduce((sum, manifest) => sum + manifest.bytes, 0);
    const roomBytes = bytes > this.#maxBytes ? this.#maxBytes * KEPT_SHARE : this.#maxBytes;
    for (const manifest of kept.toSorted((one, other) => one.atMs - other.atMs)) {
      if (bytes <= roomBytes && nowMs - manifest.atMs <= this.#maxAgeMs) break;
      await rm(manifest.file, { force: true });
      bytes -= manifest.bytes;
    }
    this.#bytes = bytes;
  }

  async #list(): Promise<readonly KeptFile[]> {
    const entries = await readdir(this.#folder, { recursive: true, withFileTypes: true }).catch(nothingIfGone);
    const kept: KeptFile[] = [];
    for (const entry of entries ?? []) {
      if (!entry.isFile() || entry.name.endsWith('.lock')) continue;
      const file = path.join(entry.parentPath, entry.name);
      const status: Stats | undefined = await stat(file).catch(nothingIfGone);
      if (status !== undefined) kept.push({ file, bytes: status.size, atMs: status.mtimeMs });
    }
    return kept;
  }

  #fileOf(digest: Digest): string {
    const algorithm = algorithmOf(digest);
    const hex = digest.slice(algorithm.length + 1);
    return path.join(this.#folder, algorithm, hex.slice(0, 2), hex);
  }
}

function isUnfinished({ file }: KeptFile): boolean {
  return file.endsWith('.new');
}

function verified(digest: Digest, bytes: Uint8Array): Manifest | undefined {
  if (digestOf(bytes, algorithmOf(digest)) !== digest) return undefined;
  return { digest, bytes, mediaType: readManifest(bytes).mediaType };
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(file, 'wx');
  await handle.writeFile(bytes);
  await handle.sync();
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

// Other processes work in the same place.
function nothingIfGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
