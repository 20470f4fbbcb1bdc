// The steps of a pull, digest by digest, and what each of them would cost. What our own store has is not asked for.
import { type Descriptor, attestedDigest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type ImageContent, type Manifest, type ManifestContent, readManifest } from '../oci/manifest.ts';
import { isIndexType } from '../oci/media-type.ts';
import { type Platform, formatPlatform, matchesPlatform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { ImageHoldings } from './image-holdings.ts';
import { type InspectedPart, type PullCost, pullCost } from './image-pull-cost.ts';
import { type ImageReferrer, type ReferrersSource, findReferrers } from './image-referrers.ts';

interface InspectedPlatform extends InspectedPart {
  readonly platform: string;
  /** The index's own attestation of it. */
  readonly attestation?: Digest | undefined;
}

export interface InspectedImage {
  readonly platform?: string | undefined;
  readonly digest: Digest;
  /** What docker calls the image ID: the digest of its config. */
  readonly id: Digest;
  readonly config: InspectedPart;
  readonly layers: readonly InspectedPart[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface ImageInspection {
  readonly repoDigest: InspectedPart;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platforms: readonly InspectedPlatform[];
  readonly attestations: number;
  readonly image?: InspectedImage | undefined;
  readonly cost: PullCost;
  readonly referrers: readonly ImageReferrer[];
  /** Sentences: what is left out, and why. */
  readonly notes: readonly string[];
}

export interface InspectImageOptions extends Call {
  /** The repository at its owner. */
  readonly repository: Source;
  /** Where manifests by digest cost least. */
  readonly content: Pick<Source, 'manifest'>;
  readonly reference: Tag | Digest;
  readonly platform?: Platform | undefined;
  readonly holdings?: ImageHoldings | undefined;
  readonly listReferrers: ReferrersSource['listReferrers'];
  /** `false`: no manifest is asked for, so that nothing is counted. */
  readonly mayPull: boolean;
}

/** Throws UsageError for a platform that the image does not have. */
export async function inspectImage(options: InspectImageOptions): Promise<ImageInspection> {
  const { repository, reference, platform, signal, mayPull } = options;
  const { descriptor } = await repository.resolve(reference, { signal });
  const root = await readAt(descriptor.digest, options);
  const content = root.manifest && readManifest(root.manifest.bytes).content;
  const entry = content && platform && entryFor(content, platform);
  const image = content && (await imageOf(descriptor.digest, content, entry, options));
  const isUnread = content === undefined || (entry !== undefined && image === undefined);
  const found = await referrersOf([descriptor.digest, ...(entry === undefined ? [] : [entry.digest])], options);
  return {
    repoDigest: {
      digest: descriptor.digest,
      mediaType: root.manifest?.mediaType ?? descriptor.mediaType,
      sizeBytes: root.manifest?.bytes.byteLength ?? descriptor.size,
      isHere: root.isHere,
    },
    ...(content?.annotations !== undefined && { annotations: content.annotations }),
    platforms: content === undefined ? [] : await platformsOf(content, options),
    attestations: content?.kind === 'index' ? content.manifests.filter(attestedDigest).length : 0,
    ...(image !== undefined && { image: image.image }),
    cost: pullCost({ isRootHere: root.isHere, isIndex: isIndexAt(descriptor, content), image }),
    referrers: found.referrers,
    notes: [
      ...(isUnread && !mayPull ? ['the store does not have all of the manifests, and none was asked for'] : []),
      ...found.notes,
    ],
  };
}

/** The manifest of that platform, or the one that the reference means. For `--raw`. */
export async function inspectedManifest(options: InspectImageOptions): Promise<Manifest> {
  const { repository, reference, platform, signal } = options;
  const { descriptor } = await repository.resolve(reference, { signal });
  const root = await needed(descriptor.digest, options);
  const entry = platform && entryFor(readManifest(root.bytes).content, platform);
  return entry === undefined ? root : await needed(entry.digest, options);
}

async function needed(digest: Digest, options: InspectImageOptions): Promise<Manifest> {
  const { manifest } = await readAt(digest, options);
  if (manifest !== undefined) return manifest;
  throw new UsageError(`the store does not have the manifest ${digest}; leave out --no-pull to ask for it`);
}

interface ReadManifest {
  readonly manifest: Manifest | undefined;
  readonly isHere: boolean;
}

async function readAt(
  digest: Digest,
  { holdings, content, mayPull, signal }: InspectImageOptions,
): Promise<ReadManifest> {
  const held = await holdings?.manifest(digest);
  if (held !== undefined) return { manifest: held, isHere: true };
  return { manifest: mayPull ? await content.manifest(digest, { signal }) : undefined, isHere: false };
}

function entryFor(content: ManifestContent, platform: Platform): Descriptor | undefined {
  if (content.kind === 'image') return undefined;
  const entry = content.manifests.find(
    (child) => child.platform !== undefined && matchesPlatform(platform, child.platform),
  );
  if (entry !== undefined) return entry;
  const known = content.manifests.filter((child) => attestedDigest(child) === undefined).map(platformName);
  throw new UsageError(`the image has no ${formatPlatform(platform)}; it has ${known.join(', ')}`);
}

async function platformsOf(
  content: ManifestContent,
  { holdings }: InspectImageOptions,
): Promise<readonly InspectedPlatform[]> {
  if (content.kind === 'image') return [];
  const attestations = new Map(content.manifests.map((child) => [attestedDigest(child), child.digest]));
  const platforms: InspectedPlatform[] = [];
  for (const child of content.manifests) {
    if (attestedDigest(child) !== undefined) continue;
    const { digest, mediaType, size } = child;
    const isHere = (await holdings?.manifest(digest)) !== undefined;
    const attestation = attestations.get(digest);
    platforms.push({
      platform: platformName(child),
      digest,
      mediaType,
      sizeBytes: size,
      isHere,
      ...(attestation !== undefined && { attestation }),
    });
  }
  return platforms;
}

function platformName({ platform }: Descriptor): string {
  if (platform === undefined) return 'unknown';
  const version = platform['os.version'];
  return version === undefined ? formatPlatform(platform) : `${formatPlatform(platform)} ${version}`;
}

interface ReadImage {
  readonly image: InspectedImage;
  /** Its manifest; where it is the root, the root is reckoned already. */
  readonly isHere: boolean;
}

async function imageOf(
  rootDigest: Digest,
  root: ManifestContent,
  entry: Descriptor | undefined,
  options: InspectImageOptions,
): Promise<ReadImage | undefined> {
  if (root.kind === 'image') return { image: await describe(rootDigest, root, undefined, options), isHere: true };
  if (entry === undefined) return undefined;
  const { manifest, isHere } = await readAt(entry.digest, options);
  const content = manifest && readManifest(manifest.bytes).content;
  if (content?.kind !== 'image') return undefined;
  return { image: await describe(entry.digest, content, platformName(entry), options), isHere };
}

async function describe(
  digest: Digest,
  { config, layers, annotations }: ImageContent,
  platform: string | undefined,
  { holdings }: InspectImageOptions,
): Promise<InspectedImage> {
  const part = async ({ digest: of, mediaType, size }: Descriptor): Promise<InspectedPart> => {
    return { digest: of, mediaType, sizeBytes: size, isHere: (await holdings?.hasBlob(of)) === true };
  };
  return {
    ...(platform !== undefined && { platform }),
    digest,
    id: config.digest,
    config: await part(config),
    layers: await Promise.all(layers.map(part)),
    ...(annotations !== undefined && { annotations }),
  };
}

function isIndexAt({ mediaType }: Descriptor, content: ManifestContent | undefined): boolean {
  return content === undefined ? isIndexType(mediaType) : content.kind === 'index';
}

// A registry that does not tell its referrers has told all the rest.
async function referrersOf(
  subjects: readonly Digest[],
  { repository, listReferrers, signal }: InspectImageOptions,
): Promise<Pick<ImageInspection, 'referrers' | 'notes'>> {
  const referrers: ImageReferrer[] = [];
  try {
    for (const subject of subjects) {
      referrers.push(...(await findReferrers({ repository, listReferrers }, subject, { signal })));
    }
    return { referrers, notes: [] };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof RemoteError) && !(error instanceof OciError)) throw error;
    return { referrers, notes: [`its referrers are not known: ${error.message}`] };
  }
}
