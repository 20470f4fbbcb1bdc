// What docker since 25 saves: an OCI layout with a manifest.json beside it. It is taken as it is.
import { z } from 'zod';
import type { Descriptor } from '../oci/descriptor.ts';
import { attestedDigest, descriptorSchema } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import {
  type ImageContent,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestContent,
  readManifest,
} from '../oci/manifest.ts';
import { MEDIA_TYPES, isForeignLayerType } from '../oci/media-type.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { LayerChecks } from './check-layers.ts';
import { parseJson, readDiffIds } from './image-config.ts';
import { type TaggedReference, namesOf, quote, referenceAnnotations, referenceOf, tagsOf } from './image-name.ts';
import { readSavedImages } from './saved-images.ts';
import { type UnpackedArchive, storeBytes } from './unpacked-archive.ts';

const MAX_DEPTH = 4;
const indexSchema = z.object({ schemaVersion: z.literal(2), manifests: z.array(descriptorSchema) });
const CONFIG_TYPES: ReadonlySet<string> = new Set([MEDIA_TYPES.ociConfig, MEDIA_TYPES.dockerConfig]);

export function isLayout(archive: UnpackedArchive): boolean {
  return archive.said('oci-layout') !== undefined && archive.said('index.json') !== undefined;
}

/** The entries of its index, with the names that manifest.json adds. Throws UsageError when an image is not whole. */
export async function checkImages(archive: UnpackedArchive, call: Call): Promise<readonly Descriptor[]> {
  const what = `index.json of ${archive.label}`;
  const { manifests } = parseJson(archive.said('index.json') ?? '', indexSchema, what);
  const images = new ImageChecks(archive, call);
  const entries: Descriptor[] = [];
  const references = new Map<Digest, readonly TaggedReference[]>();
  for (const saved of readSavedImages(archive)) references.set(archive.file(saved.config).digest, saved.references);
  for (const entry of manifests) {
    const { root, configs } = await images.check(entry);
    const isSame = (one: TaggedReference) => tagsOf(entry).every((tag) => tag === one.tag);
    const more = referenceOf(entry) === undefined ? configs.flatMap((config) => references.get(config) ?? []) : [];
    const named = more.filter(isSame).map((one) => ({ ...root, annotations: referenceAnnotations(one) }));
    entries.push(...(named.length > 0 ? named : [root]));
  }
  return entries;
}

interface CheckedImage {
  readonly root: Descriptor;
  readonly configs: readonly Digest[];
}

class ImageChecks {
  readonly #archive: UnpackedArchive;
  readonly #layers: LayerChecks;

  constructor(archive: UnpackedArchive, call: Call) {
    this.#archive = archive;
    this.#layers = new LayerChecks(archive.blobs, call);
  }

  async check(root: Descriptor, depth = 0): Promise<CheckedImage> {
    const { manifest, content } = await this.#read(root);
    if (content.kind === 'index') return await this.#checkIndex(root, manifest, content, depth);
    await this.#checkImage(content, quote(referenceOf(root) ?? tagsOf(root)[0] ?? root.digest));
    return { root, configs: [content.config.digest] };
  }

  // With containerd as its store, docker saves the index of all platforms and the images of those that it has.
  async #checkIndex(
    root: Descriptor,
    manifest: Manifest,
    content: ManifestContent & { kind: 'index' },
    depth: number,
  ): Promise<CheckedImage> {
    const { label } = this.#archive;
    if (depth >= MAX_DEPTH) throw new UsageError(`${label} has indexes that nest too deep`);
    const here = new Set<Digest>();
    const configs: Digest[] = [];
    for (const child of content.manifests) {
      if ((await this.#archive.blobs.stat(child.digest)) === undefined) continue;
      const checked = await this.check(child, depth + 1);
      if (checked.root.digest !== child.digest) throw new UsageError(`${label} lacks a part of ${child.digest}`);
      here.add(child.digest);
      configs.push(...checked.configs);
    }
    if (content.manifests.every(({ digest }) => here.has(digest))) return { root, configs };
    const images = content.manifests.filter((child) => here.has(child.digest) && attestedDigest(child) === undefined);
    const [only, ...others] = images;
    if (only === undefined) throw new UsageError(`${label} has none of the images that ${root.digest} names`);
    if (others.length > 0) return { root: await this.#storeSubset(root, manifest, here), configs };
    return { root: { ...only, annotations: namesOf(root) }, configs };
  }

  async #storeSubset(root: Descriptor, { bytes }: Manifest, here: ReadonlySet<Digest>): Promise<Descriptor> {
    const json = JSON.parse(new TextDecoder().decode(bytes)) as { readonly manifests: readonly Descriptor[] };
    const manifests = json.manifests.filter(({ digest }) => here.has(digest));
    const subset = Buffer.from(JSON.stringify({ ...json, manifests }));
    const { digest, sizeBytes } = await storeBytes(this.#archive.blobs, ReadableStream.from([subset]));
    return { ...root, digest, size: sizeBytes };
  }

  async #checkImage({ config, layers }: ImageContent, image: string): Promise<void> {
    const { blobs, label } = this.#archive;
    const name = `${image} in ${label}`;
    const here = layers.filter(({ mediaType }) => !isForeignLayerType(mediaType));
    for (const { digest, size } of [config, ...here]) {
      const found = await blobs.stat(digest);
      if (found === undefined) throw new UsageError(`${name} lacks ${digest}`);
      if (found.sizeBytes === size) continue;
      throw new UsageError(`${name} has ${found.sizeBytes} bytes of ${digest}, but its manifest says ${size}`);
    }
    if (!CONFIG_TYPES.has(config.mediaType) || layers.some(({ mediaType }) => !mediaType.includes('.tar'))) return;
    const diffIds = await readDiffIds(blobs, config.digest, name);
    if (diffIds.length !== layers.length) {
      throw new UsageError(`${name} has ${layers.length} layers, but its config has ${diffIds.length}`);
    }
    for (const [index, diffId] of diffIds.entries()) {
      const layer = layers[index];
      if (layer === undefined || isForeignLayerType(layer.mediaType)) continue;
      await this.#layers.check({ digest: layer.digest, diffId, label: `layer ${index + 1} of ${name}` });
    }
  }

  async #read({ digest }: Descriptor): Promise<{ readonly manifest: Manifest; readonly content: ManifestContent }> {
    const { blobs, label } = this.#archive;
    await using blob = await blobs.open(digest);
    if (blob === undefined) throw new UsageError(`${label} lacks the manifest ${digest}, which its index.json names`);
    try {
      const bytes = await readAll(blob.stream(), MAX_MANIFEST_BYTES);
      const { mediaType, content } = readManifest(bytes);
      return { manifest: { digest, mediaType, bytes }, content };
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      throw new UsageError(`${label} has a manifest ${digest} that cannot be used: ${error.message}`, { cause: error });
    }
  }
}
