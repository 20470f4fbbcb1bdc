// What a mirror has below a digest: index, each platform's manifest, config and layers, as deep as was asked for. A
// mirror's own bytes prove themselves, so nothing is fetched from the authority.
import { forEach } from '../async/for-each.ts';
import { chooseEntries } from '../oci/choose-entries.ts';
import { type Descriptor, attestedDigest } from '../oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type Manifest, type ManifestContent, readManifest } from '../oci/manifest.ts';
import { isForeignLayerType, isIndexType, isManifestType } from '../oci/media-type.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';
import type { Call, Source } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Answer, AskedMirror } from './asked-mirror.ts';
import type { Outcome } from './findings.ts';

/** How far a comparison goes: each depth includes those before it. */
export const DEPTHS = ['tags', 'manifests', 'layers', 'bytes'] as const;
export type Depth = (typeof DEPTHS)[number];

export interface ImageComparisonOptions {
  /** One repository of the mirror. */
  readonly source: Source;
  readonly asked: AskedMirror;
  readonly depth: Depth;
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** A part that is not as it has to be. */
export interface WrongPart extends Outcome {
  /** As docker names it: `the image digest sha256:… of linux/amd64`. */
  readonly part: string;
}

const PARTS_AT_ONCE = 8;
/** Indexes of indexes exist; a tower of them does not. */
const MAX_NESTING = 4;
const SLOWEST_BYTES_PER_MS = 64;

/** The images of one repository at one mirror. Images share parts, and each part is asked for once. */
export class ImageComparison {
  readonly #options: ImageComparisonOptions;
  readonly #known = new Map<Digest, Promise<readonly WrongPart[]>>();

  constructor(options: ImageComparisonOptions) {
    this.#options = options;
  }

  /** What is wrong with the image and all below it. Empty: nothing is. */
  async compare({ digest, mediaType }: Descriptor): Promise<readonly WrongPart[]> {
    return await this.#manifest({ digest, mediaType, size: 0 }, `the repo digest ${digest}`, 0);
  }

  /** What the manifest says, and `undefined` where no present client can read it; its bytes hash to the digest. */
  async read(digest: Digest): Promise<Answer<ManifestContent | undefined>> {
    const { source, asked } = this.#options;
    return await asked.ask(async (call) => contentOf(await verifiedManifest(source, digest, call)));
  }

  async #manifest(entry: Descriptor, part: string, nesting: number): Promise<readonly WrongPart[]> {
    return await this.#once(entry.digest, async () => {
      const read = await this.read(entry.digest);
      if ('failure' in read) return [{ ...read.failure, part }];
      const content = read.answer;
      if (content === undefined || nesting >= MAX_NESTING) return [];
      const own = nesting === 0 ? [] : await this.#mediaType(entry, part);
      return [...own, ...(await this.#below(content, nesting))];
    });
  }

  // That of the root was seen when its tag was asked for.
  async #mediaType({ digest, mediaType }: Descriptor, part: string): Promise<readonly WrongPart[]> {
    const { source, asked } = this.#options;
    const seen = await asked.ask((call) => source.resolve(digest, call));
    if ('failure' in seen) return [{ ...seen.failure, part }];
    const found = seen.answer.descriptor.mediaType;
    if (found === mediaType) return [];
    return [{ finding: 'mediaType', part, expected: mediaType, found, detail: `it is given as ${found}` }];
  }

  async #below(content: ManifestContent, nesting: number): Promise<readonly WrongPart[]> {
    if (content.kind === 'index') {
      return await this.#each(chooseEntries(content, this.#options.platforms), (entry) =>
        isManifestType(entry.mediaType)
          ? this.#manifest(entry, nameOf(entry), nesting + 1)
          : this.#blob(entry, `the part ${entry.digest}`),
      );
    }
    if (this.#options.depth === 'manifests') return [];
    const layers = content.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType));
    const blobs = [
      { blob: content.config, part: `the image ID ${content.config.digest}` },
      ...layers.map((blob) => ({ blob, part: `the layer ${blob.digest}` })),
    ];
    return await this.#each(blobs, ({ blob, part }) => this.#blob(blob, part));
  }

  async #each<T>(items: readonly T[], compare: (item: T) => Promise<readonly WrongPart[]>) {
    const wrong: WrongPart[] = [];
    await forEach(items, PARTS_AT_ONCE, async (item) => void wrong.push(...(await compare(item))));
    return wrong;
  }

  async #blob(blob: Descriptor, part: string): Promise<readonly WrongPart[]> {
    const { depth } = this.#options;
    if (depth === 'manifests') return [];
    return await this.#once(blob.digest, async () => {
      const answer = depth === 'bytes' ? await this.#readBlob(blob) : await this.#statBlob(blob);
      if ('failure' in answer) return [{ ...answer.failure, part }];
      const sizeBytes = answer.answer;
      if (sizeBytes === undefined) return [{ finding: 'missing', part }];
      if (sizeBytes === blob.size) return [];
      const detail = `it has ${sizeBytes} bytes there, and ${blob.size} by its manifest`;
      return [{ finding: 'lying', part, detail }];
    });
  }

  async #statBlob({ digest, size }: Descriptor): Promise<Answer<number | undefined>> {
    const { source, asked } = this.#options;
    return await asked.ask(async (call) => {
      const stat = await source.statBlob(digest, call);
      // Some answers to a HEAD do not say.
      return stat?.sizeBytes === 0 ? size : stat?.sizeBytes;
    });
  }

  async #readBlob({ digest, size }: Descriptor): Promise<Answer<number | undefined>> {
    const { source, asked, onBytes } = this.#options;
    return await asked.ask(async (call) => {
      const { sizeBytes, body } = await source.blob(digest, call);
      if (sizeBytes !== size) {
        await body.cancel();
        return sizeBytes;
      }
      for await (const bytes of body) {
        call.signal?.throwIfAborted();
        onBytes?.(bytes.byteLength);
      }
      return sizeBytes;
    }, size / SLOWEST_BYTES_PER_MS);
  }

  async #once(digest: Digest, compare: () => Promise<readonly WrongPart[]>): Promise<readonly WrongPart[]> {
    const known = this.#known.get(digest) ?? compare();
    this.#known.set(digest, known);
    return await known;
  }
}

// A store of our own gives its rows as they are.
async function verifiedManifest(source: Source, digest: Digest, call: Call): Promise<Manifest | undefined> {
  try {
    const manifest = await source.manifest(digest, call);
    const found = digestOf(manifest.bytes, algorithmOf(digest));
    if (found === digest) return manifest;
    throw new RemoteError('the store', 'DIGEST_INVALID', `has bytes for the manifest ${digest} that hash to ${found}`);
  } catch (error) {
    // These are said of bytes that hashed right: the authority has no others.
    const isUnreadable = error instanceof RemoteError && error.status === undefined && UNREADABLE.has(error.code);
    if (isUnreadable) return undefined;
    throw error;
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(['MANIFEST_INVALID', 'UNSUPPORTED']);

function contentOf(manifest: Manifest | undefined): ManifestContent | undefined {
  if (manifest === undefined) return undefined;
  try {
    return readManifest(manifest.bytes).content;
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    return undefined;
  }
}

function nameOf(entry: Descriptor): string {
  const { digest, platform, mediaType } = entry;
  if (attestedDigest(entry) !== undefined) return `the attestation ${digest}`;
  if (isIndexType(mediaType)) return `the index ${digest}`;
  if (platform === undefined) return `the image digest ${digest}`;
  const version = platform['os.version'];
  return `the image digest ${digest} of ${formatPlatform(platform)}${version === undefined ? '' : ` ${version}`}`;
}
