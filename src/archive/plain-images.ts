// What docker before 25, and podman, save: configs and uncompressed layers as plain files, and a manifest.json of them.
import { forEach } from '../async/for-each.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { MAX_MANIFEST_BYTES } from '../oci/manifest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { formatFamiliar } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { LayerChecks } from './check-layers.ts';
import { isGzip, layerCompressor } from './compression.ts';
import { readDiffIds } from './image-config.ts';
import { type TaggedReference, quote, referenceAnnotations } from './image-name.ts';
import { type SavedImage, readSavedImages } from './saved-images.ts';
import { peek, through } from './through.ts';
import { type StoredFile, type UnpackedArchive, storeBytes } from './unpacked-archive.ts';

const LAYERS_AT_ONCE = 4;

/**
 * Makes the manifests that such an archive lacks, and gives the entries of an index. They are of docker's schema 2, as
 * `docker push` would make them: the config is docker's, and some of it (HEALTHCHECK, ONBUILD) clients read in that
 * family only. The config stays byte for byte, and so does the image ID. Uncompressed layers are gzip-compressed.
 */
export async function makeManifests(archive: UnpackedArchive, call: Call): Promise<readonly Descriptor[]> {
  const checks = new LayerChecks(archive.blobs, call);
  const images: CheckedImage[] = [];
  // All of them before the work begins, which is to compress what is right.
  for (const image of readSavedImages(archive)) images.push(await check(image, archive, checks));
  const maker = new LayerMaker(archive, call);
  const entries: Descriptor[] = [];
  for (const { config, layers, references } of images) {
    const root = await storeManifest(archive, config, await maker.make(layers));
    if (references.length === 0) entries.push(root);
    for (const reference of references) entries.push({ ...root, annotations: referenceAnnotations(reference) });
  }
  return entries;
}

interface CheckedImage {
  readonly config: Descriptor;
  readonly layers: readonly StoredFile[];
  readonly references: readonly TaggedReference[];
}

/** Throws UsageError when the layers are not those of the config. */
async function check(image: SavedImage, archive: UnpackedArchive, checks: LayerChecks): Promise<CheckedImage> {
  const { references, layers: names } = image;
  const label = `${references[0] === undefined ? quote(image.config) : formatFamiliar(references[0])} in ${archive.label}`;
  const { digest, sizeBytes } = archive.file(image.config);
  const diffIds = await readDiffIds(archive.blobs, digest, label);
  if (names.length !== diffIds.length) {
    throw new UsageError(`${label} has ${names.length} layers, but its config has ${diffIds.length}`);
  }
  const layers: StoredFile[] = [];
  for (const [index, diffId] of diffIds.entries()) {
    const name = names[index] ?? '';
    const file = archive.file(name);
    await checks.check({ ...file, diffId, label: `layer ${index + 1} of ${label}, ${quote(name)},` });
    layers.push(file);
  }
  return { config: { mediaType: MEDIA_TYPES.dockerConfig, digest, size: sizeBytes }, layers, references };
}

async function storeManifest(
  { blobs, label }: UnpackedArchive,
  config: Descriptor,
  layers: readonly Descriptor[],
): Promise<Descriptor> {
  const mediaType = MEDIA_TYPES.dockerImage;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers }));
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw new UsageError(`an image of ${label} has ${layers.length} layers, too many for a manifest`);
  }
  const { digest, sizeBytes } = await storeBytes(blobs, ReadableStream.from([bytes]));
  return { mediaType, digest, size: sizeBytes };
}

/** Layers as a registry takes them, each file of the archive made into one once. */
class LayerMaker {
  readonly #archive: UnpackedArchive;
  readonly #call: Call;
  readonly #made = new Map<Digest, Promise<Descriptor>>();

  constructor(archive: UnpackedArchive, call: Call) {
    this.#archive = archive;
    this.#call = call;
  }

  async make(files: readonly StoredFile[]): Promise<readonly Descriptor[]> {
    const made: Descriptor[] = [];
    await forEach(files.entries(), LAYERS_AT_ONCE, async ([index, file]) => {
      const making = this.#made.get(file.digest) ?? this.#compress(file);
      this.#made.set(file.digest, making);
      made[index] = await making;
    });
    return made;
  }

  async #compress({ digest, sizeBytes }: StoredFile): Promise<Descriptor> {
    const mediaType = MEDIA_TYPES.dockerLayerGzip;
    const { blobs } = this.#archive;
    const blob = await blobs.open(digest);
    if (blob === undefined) throw new UsageError(`${this.#archive.label} uses ${digest} both as a layer and otherwise`);
    const { head, body } = await peek(blob.stream(), 2);
    if (isGzip(head)) {
      await body.return(undefined);
      await blob[Symbol.asyncDispose]();
      return { mediaType, digest, size: sizeBytes };
    }
    const compressed = await storeBytes(blobs, through(body, layerCompressor()), this.#call);
    await this.#archive.remove(digest);
    return { mediaType, digest: compressed.digest, size: compressed.sizeBytes };
  }
}
