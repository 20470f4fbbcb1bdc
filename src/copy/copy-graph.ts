// A copy walks the graph of an image: children before parents, the tags last. Killed anywhere, the target is right.
import { forEach } from '../async/for-each.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError, isNotFound } from '../oci/errors.ts';
import { type Manifest, type ManifestContent, readManifest } from '../oci/manifest.ts';
import { isForeignLayerType, isManifestType } from '../oci/media-type.ts';
import type { Platform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import { type Call, type Source, keepsSparseIndexes } from '../oci/repository.ts';
import { tap } from '../streams/tap.ts';
import { CopyError, blame, blamed } from './copy-error.ts';
import type { Placements, TargetRepository } from './placements.ts';
import { chosenEntries, subsetIndex } from './platform-subset.ts';

export interface GraphCopy extends Call {
  readonly from: Source;
  readonly to: TargetRepository;
  readonly placements: Placements;
  /** The source's own repository, where it is at the target's registry: blobs are mounted from it. */
  readonly sibling?: TargetRepository | undefined;
  /** Empty: all. Otherwise an index is rewritten to name only these, but for a target that keeps sparse indexes. */
  readonly platforms?: readonly Platform[] | undefined;
  /** What the tags mean at the target now, where that is known: a tag that is right already is left alone. */
  readonly present?: ReadonlyMap<Tag, Digest> | undefined;
  readonly onBytes?: ((count: number) => void) | undefined;
}

export interface GraphCopied {
  /** What the tags mean now: another digest than the root's only where platforms were chosen. */
  readonly digest: Digest;
  readonly movedTags: readonly Tag[];
}

/** Indexes of indexes exist; deeper than this is an attack. */
const MAX_DEPTH = 4;
const CHILDREN_AT_ONCE = 8;

/**
 * Makes `root` and all below it present at the target, then moves the tags to it. What the target has is not sent, and
 * a manifest that it has is trusted to be complete, as registries refuse incomplete ones. Throws CopyError.
 */
export async function copyGraph(root: Digest, tags: readonly Tag[], copy: GraphCopy): Promise<GraphCopied> {
  const { platforms = [] } = copy;
  if (platforms.length > 0) return await copySubset(root, tags, platforms, copy);
  const wanted: WantedTags = { tags: tagsToMove(root, tags, copy), arePut: false };
  await copyManifest(root, copy, 0, wanted);
  if (!wanted.arePut && wanted.tags.length > 0) await tagExisting(root, wanted.tags, copy);
  return { digest: root, movedTags: wanted.tags };
}

function tagsToMove(digest: Digest, tags: readonly Tag[], { present }: GraphCopy): readonly Tag[] {
  return tags.filter((tag) => present?.get(tag) !== digest);
}

/** The tags of the root, which are put along with it when it has to be sent. */
interface WantedTags {
  readonly tags: readonly Tag[];
  arePut: boolean;
}

async function copySubset(root: Digest, tags: readonly Tag[], platforms: readonly Platform[], copy: GraphCopy) {
  const { target } = copy.to;
  const original = await blame('source', copy.from.manifest(root, copy));
  const content = readContent(original);
  if (content.kind === 'index' && keepsSparseIndexes(target)) {
    const movedTags = tagsToMove(root, tags, copy);
    await copyChildren({ ...content, manifests: blamedIn('source', () => chosenEntries(content, platforms)) }, copy, 0);
    await blame('target', target.putSparse(original, movedTags, copy));
    return { digest: root, movedTags };
  }
  const isImage = content.kind === 'image';
  const chosen = isImage ? original : blamedIn('source', () => subsetIndex(original, content, platforms));
  const movedTags = tagsToMove(chosen.digest, tags, copy);
  // Without tags it is wanted by its digest alone.
  if (movedTags.length > 0 || tags.length === 0) {
    await copyChildren(readContent(chosen), copy, 0);
    await blame('target', target.put(chosen, movedTags, copy));
  }
  return { digest: chosen.digest, movedTags };
}

function blamedIn<T>(origin: 'source' | 'target', work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw blamed(origin, error);
  }
}

async function copyManifest(digest: Digest, copy: GraphCopy, depth: number, wanted?: WantedTags): Promise<void> {
  const { placements, to, from } = copy;
  await placements.once(to, digest, async () => {
    if (!to.isNew && (await hasManifest(digest, copy))) return;
    const send = async (fetching: Promise<Manifest>) => {
      const manifest = await fetching;
      const content = readContent(manifest);
      await copyChildren(content, copy, depth);
      await putManifest(manifest, content, copy, depth, wanted?.tags ?? []);
      if (wanted !== undefined) wanted.arePut = true;
    };
    // What another repository of the target has is not asked of the source again, where it may be paid for.
    await placements.place(to, digest, {
      send: () => send(blame('source', from.manifest(digest, copy))),
      mount: (holder) => send(blame('target', holder.target.manifest(digest, copy))),
    });
  });
}

async function hasManifest(digest: Digest, { to, signal }: GraphCopy): Promise<boolean> {
  try {
    if (keepsSparseIndexes(to.target)) return await to.target.holds(digest, []);
    await to.target.resolve(digest, { signal });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw blamed('target', error);
  }
}

async function copyChildren(content: ManifestContent, copy: GraphCopy, depth: number): Promise<void> {
  if (content.kind === 'index') {
    if (depth >= MAX_DEPTH) throw new CopyError('source', new OciError('MANIFEST_INVALID', 'indexes nest too deep'));
    // BuildKit keeps its cache as an index of layers.
    await forEach(content.manifests, CHILDREN_AT_ONCE, (child) =>
      isManifestType(child.mediaType) ? copyManifest(child.digest, copy, depth + 1) : copyBlob(child, copy),
    );
  } else {
    await forEach(blobsOf(content), CHILDREN_AT_ONCE, (blob) => copyBlob(blob, copy));
  }
}

/** The blobs that an image needs at a registry; foreign layers stay where they are. */
function blobsOf(content: ManifestContent & { kind: 'image' }): Descriptor[] {
  return [content.config, ...content.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType))];
}

// A registry that lost an upload says so only now: what it lacks is then asked for and sent again, once.
async function putManifest(
  manifest: Manifest,
  content: ManifestContent,
  copy: GraphCopy,
  depth: number,
  tags: readonly Tag[],
): Promise<void> {
  const { placements, to } = copy;
  try {
    await blame('target', to.target.put(manifest, tags, copy));
  } catch (error) {
    if (!(error instanceof CopyError) || error.code !== 'MANIFEST_BLOB_UNKNOWN') throw error;
    const parts = content.kind === 'index' ? content.manifests : blobsOf(content);
    for (const { digest } of parts) placements.forget(to, digest);
    await copyChildren(content, { ...copy, to: { ...to, isNew: false } }, depth);
    await blame('target', to.target.put(manifest, tags, copy));
  }
}

async function copyBlob(blob: Descriptor, copy: GraphCopy): Promise<void> {
  const { placements, to, from, sibling, signal, onBytes } = copy;
  const push = async (holder?: TargetRepository) => {
    const isKnownAbsent = await placements.isUntouched(to, blob.digest);
    // What the target itself has elsewhere is not fetched from the source again, even where it refuses to mount.
    const open = () => openBlob(blob, holder?.target ?? from, holder === undefined ? 'source' : 'target', signal);
    const call = { signal, onBytes, isKnownAbsent, mountFrom: holder?.name };
    return await blame('target', to.target.push(blob, open, call));
  };
  await placements.once(to, blob.digest, () =>
    placements.place(to, blob.digest, { send: () => push(sibling), mount: push }),
  );
}

async function openBlob(blob: Descriptor, from: Source, origin: 'source' | 'target', signal?: AbortSignal) {
  const { sizeBytes, body } = await blame(origin, from.blob(blob.digest, { signal, sizeBytes: blob.size }));
  if (sizeBytes !== blob.size) {
    await body.cancel();
    const message = `the blob ${blob.digest} has ${sizeBytes} bytes, but its manifest says ${blob.size}`;
    throw new CopyError(origin, new OciError('SIZE_INVALID', message));
  }
  return tap(body, { mapError: (error) => blamed(origin, error) });
}

async function tagExisting(digest: Digest, tags: readonly Tag[], { to, signal }: GraphCopy): Promise<void> {
  const manifest = await blame('target', to.target.manifest(digest, { signal }));
  await blame('target', to.target.put(manifest, tags, { signal }));
}

function readContent(manifest: Manifest): ManifestContent {
  return blamedIn('source', () => readManifest(manifest.bytes).content);
}
