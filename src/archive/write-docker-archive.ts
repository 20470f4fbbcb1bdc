// The archive that every docker and podman loads: an OCI layout for those that read one, and beside it a manifest.json
// that names the same files for the others. Equal images make equal bytes.
import { type TarPackController, createTarPacker } from 'modern-tar';
import { type Descriptor, attestedDigest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type ImageContent, type Manifest, readManifest } from '../oci/manifest.ts';
import { MEDIA_TYPES, isForeignLayerType } from '../oci/media-type.ts';
import { formatPlatform } from '../oci/platform.ts';
import { formatFamiliar, formatReference } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type TaggedReference, parseTaggedReference, referenceAnnotations } from './image-name.ts';
import type { LayoutRepository } from './layout-repository.ts';

export interface ArchivedImage {
  readonly digest: Digest;
  /** Such as `nginx:1.27`; none for an image without a name. */
  readonly references: readonly string[];
}

interface PlannedImage {
  readonly manifest: Manifest;
  readonly content: ImageContent;
  readonly references: readonly TaggedReference[];
}

interface PlannedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly open: () => Promise<ReadableStream<Uint8Array>>;
}

const NO_TIME = new Date(0);

/**
 * What `docker load`, `podman load` and `skopeo copy docker-archive:` read. An index is archived as the one image that
 * it has; the stream fails with a UsageError that lists the platforms where it has several, before its first byte.
 * Nothing is opened until the stream is read.
 */
export function writeDockerArchive(
  repository: LayoutRepository,
  images: readonly ArchivedImage[],
): ReadableStream<Uint8Array> {
  return ReadableStream.from(archiveOf(repository, images));
}

async function* archiveOf(repository: LayoutRepository, images: readonly ArchivedImage[]): AsyncGenerator<Uint8Array> {
  if (images.length === 0) throw new UsageError('an archive without an image cannot be loaded; name one');
  const planned: PlannedImage[] = [];
  for (const image of images) planned.push(await plan(repository, image));
  const files = [...(await blobFiles(repository, planned)), ...textFiles(planned)];
  const { readable, controller } = createTarPacker();
  const writing = writeFiles(controller, files);
  try {
    yield* readable;
  } finally {
    await writing;
  }
}

/** Never rejects: what fails, fails the stream. */
async function writeFiles(controller: TarPackController, files: readonly PlannedFile[]): Promise<void> {
  try {
    for (const { name, sizeBytes: size, open } of files) {
      const body = await open();
      await body.pipeTo(controller.add({ name, size, type: 'file', mode: 0o644, mtime: NO_TIME, uid: 0, gid: 0 }));
    }
    controller.finalize();
  } catch (error) {
    controller.error(error);
  }
}

async function plan(repository: LayoutRepository, { digest, references }: ArchivedImage): Promise<PlannedImage> {
  const names = references.map(parseTaggedReference);
  const name = names[0] === undefined ? digest : formatFamiliar(names[0]);
  for (let wanted = digest; ;) {
    const manifest = await repository.manifest(wanted);
    const { content } = readManifest(manifest.bytes);
    if (content.kind === 'image') return { manifest, content, references: names };
    wanted = onlyImage(content.manifests, name).digest;
  }
}

function onlyImage(children: readonly Descriptor[], name: string): Descriptor {
  const images = children.filter((child) => attestedDigest(child) === undefined);
  const [only] = images;
  if (only !== undefined && images.length === 1) return only;
  const platforms = images.map(({ platform, digest }) => (platform === undefined ? digest : formatPlatform(platform)));
  throw new UsageError(
    only === undefined
      ? `${name} is an index of no image, and cannot be archived`
      : `${name} is of several platforms, and an archive takes one: choose one of ${platforms.join(', ')}`,
  );
}

async function blobFiles(repository: LayoutRepository, images: readonly PlannedImage[]): Promise<PlannedFile[]> {
  const files = new Map<string, PlannedFile>();
  for (const { manifest, content } of images) {
    const open = () => Promise.resolve(ReadableStream.from([manifest.bytes]));
    files.set(nameOf(manifest.digest), { name: nameOf(manifest.digest), sizeBytes: manifest.bytes.byteLength, open });
    for (const { digest, mediaType } of [content.config, ...content.layers]) {
      const blob = await repository.statBlob(digest);
      if (blob === undefined) {
        const why = isForeignLayerType(mediaType) ? 'it is of those that live elsewhere' : 'the layout lacks it';
        throw new UsageError(`${manifest.digest} cannot be archived without its layer ${digest}: ${why}`);
      }
      const name = nameOf(digest);
      files.set(name, { name, sizeBytes: blob.sizeBytes, open: async () => (await repository.blob(digest)).body });
    }
  }
  return [...files.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

// In the order of their names, which all follow those of the blobs.
function textFiles(images: readonly PlannedImage[]): PlannedFile[] {
  const manifests = images.flatMap(({ manifest: { mediaType, digest, bytes }, references }) => {
    const root = { mediaType, digest, size: bytes.byteLength };
    if (references.length === 0) return [root];
    return references.map((reference) => ({ ...root, annotations: referenceAnnotations(reference) }));
  });
  const saved = images.map(({ content: { config, layers }, references }) => ({
    Config: nameOf(config.digest),
    // In full: podman would take `nginx:1.27` for one of this machine, localhost/nginx:1.27.
    RepoTags: references.map(formatReference),
    Layers: layers.map(({ digest }) => nameOf(digest)),
  }));
  return [
    textFile('index.json', { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }),
    textFile('manifest.json', saved),
    textFile('oci-layout', { imageLayoutVersion: '1.0.0' }),
  ];
}

function textFile(name: string, content: unknown): PlannedFile {
  const bytes = Buffer.from(JSON.stringify(content));
  return { name, sizeBytes: bytes.byteLength, open: () => Promise.resolve(ReadableStream.from([bytes])) };
}

function nameOf(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}
