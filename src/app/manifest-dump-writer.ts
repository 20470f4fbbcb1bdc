import { chooseEntries } from '../oci/choose-entries.ts';
import { type Digest, algorithmOf, digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type ManifestContent, readManifest } from '../oci/manifest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { Platform } from '../oci/platform.ts';
import type { Call, Source } from '../oci/repository.ts';
import { readAll } from '../streams/read-all.ts';
import type { DumpFolder } from './manifest-dump-folder.ts';
import type { DumpNames } from './manifest-dump-names.ts';
import type { TableRow } from './manifest-dump-table.ts';

export interface ImageToDump {
  readonly source: Source;
  readonly digest: Digest;
  /** At least one. */
  readonly labels: readonly string[];
}

export interface DumpWriterOptions extends Call {
  readonly folder: DumpFolder;
  readonly names: DumpNames;
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  readonly withConfigs: boolean;
  /** Of each digest once: it was in the dump already, or came from the image's source. */
  readonly onFile: (how: 'present' | 'fetched') => void;
}

/** Rows of the table, and whether anything had to be written for them. */
export interface DumpedImage {
  readonly rows: readonly TableRow[];
  readonly files: ReadonlySet<string>;
  readonly isNew: boolean;
}

/** What the images of a run share. */
interface KnownBytes {
  /** Where the bytes of a digest are. */
  readonly seen: Map<Digest, string>;
  /** What is on its way to a file. */
  readonly fetching: Map<Digest, Promise<Uint8Array>>;
}

const MAX_DEPTH = 4;
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Writes images as files: what is there under its digest, by whatever name, is not fetched. */
export class DumpWriter {
  readonly #options: DumpWriterOptions;
  readonly #known: KnownBytes = { seen: new Map(), fetching: new Map() };

  constructor(options: DumpWriterOptions) {
    this.#options = options;
  }

  /** What an index names comes before it: a root that is there is whole. Throws what its source or the disk says. */
  async write(image: ImageToDump): Promise<DumpedImage> {
    const { names } = this.#options;
    const one = new OneImage(this.#options, this.#known, image);
    const rootNames = image.labels.map((label) => names.root(label, image.digest));
    const bytes = await one.bytesOf(image.digest, rootNames);
    const { mediaType, content } = readManifest(bytes);
    await one.writeBelow(content, image.digest, 0);
    await one.put(image.digest, bytes, rootNames);
    const rows = image.labels.map((label) => ({ label, digest: image.digest, mediaType, sizeBytes: bytes.byteLength }));
    return { rows, files: one.files, isNew: one.isNew };
  }
}

class OneImage {
  readonly files = new Set<string>();
  isNew = false;
  readonly #options: DumpWriterOptions;
  readonly #known: KnownBytes;
  readonly #image: ImageToDump;

  constructor(options: DumpWriterOptions, known: KnownBytes, image: ImageToDump) {
    this.#options = options;
    this.#known = known;
    this.#image = image;
  }

  async writeBelow(content: ManifestContent, digest: Digest, depth: number): Promise<void> {
    const { names, platforms, withConfigs } = this.#options;
    const { labels } = this.#image;
    if (content.kind === 'image') {
      if (!withConfigs) return;
      const configNames = labels.map((label) => names.config(label, digest, content.config.digest));
      await this.put(content.config.digest, await this.bytesOf(content.config.digest, configNames, true), configNames);
      return;
    }
    if (depth >= MAX_DEPTH) throw new OciError('MANIFEST_INVALID', 'indexes nest too deep');
    for (const child of chooseEntries(content, depth === 0 ? platforms : [])) {
      if (!isManifestType(child.mediaType)) continue;
      this.#options.signal?.throwIfAborted();
      const childNames = labels.map((label) => names.child(label, child.digest));
      const bytes = await this.bytesOf(child.digest, childNames);
      await this.writeBelow(readManifest(bytes).content, child.digest, depth + 1);
      await this.put(child.digest, bytes, childNames);
    }
  }

  /** From the dump itself where it has them, and else from the source: once, however many images need them. */
  async bytesOf(digest: Digest, fileNames: readonly string[], isConfig = false): Promise<Uint8Array> {
    const { seen, fetching } = this.#known;
    const coming = fetching.get(digest);
    if (coming !== undefined) return await coming;
    const bytes = this.#findOrFetch(
      digest,
      [...(seen.has(digest) ? [seen.get(digest) ?? ''] : []), ...fileNames],
      isConfig,
    );
    fetching.set(digest, bytes);
    try {
      return await bytes;
    } catch (error) {
      fetching.delete(digest);
      throw error;
    }
  }

  /** Under each of the names where it is not already. */
  async put(digest: Digest, bytes: Uint8Array, fileNames: readonly string[]): Promise<void> {
    const { folder } = this.#options;
    const { seen, fetching } = this.#known;
    for (const name of new Set(fileNames)) {
      this.files.add(name);
      if (seen.get(digest) === name || (await folder.find(name, digest)) !== undefined) continue;
      await folder.write(name, bytes);
      this.isNew = true;
      if (!seen.has(digest)) seen.set(digest, name);
    }
    fetching.delete(digest);
  }

  async #findOrFetch(digest: Digest, fileNames: readonly string[], isConfig: boolean): Promise<Uint8Array> {
    const { folder, onFile } = this.#options;
    const { seen } = this.#known;
    for (const name of fileNames) {
      const bytes = await folder.find(name, digest);
      if (bytes === undefined) continue;
      if (!seen.has(digest)) onFile('present');
      seen.set(digest, name);
      return bytes;
    }
    const bytes = isConfig ? await this.#config(digest) : await this.#manifest(digest);
    onFile('fetched');
    return bytes;
  }

  async #manifest(digest: Digest): Promise<Uint8Array> {
    const { bytes } = await this.#image.source.manifest(digest, this.#options);
    return hashed(bytes, digest);
  }

  async #config(digest: Digest): Promise<Uint8Array> {
    const { sizeBytes, body } = await this.#image.source.blob(digest, this.#options);
    if (sizeBytes > MAX_CONFIG_BYTES) {
      await body.cancel();
      throw new OciError('SIZE_INVALID', `the config ${digest} has ${sizeBytes} bytes, more than a dump takes`);
    }
    return hashed(await readAll(body, MAX_CONFIG_BYTES), digest);
  }
}

function hashed(bytes: Uint8Array, digest: Digest): Uint8Array {
  const found = digestOf(bytes, algorithmOf(digest));
  if (found === digest) return bytes;
  throw new OciError('DIGEST_INVALID', `the bytes of ${digest} hash to ${found}`);
}
