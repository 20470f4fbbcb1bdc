// What a hub would serve, made in this process: for a pusher that has nothing to fetch.
import { type Manifest, readManifest } from '../src/oci/manifest.ts';
import { ImageGenerator } from '../test/support/hub/generate-images.ts';
import { HubContent } from '../test/support/hub/hub-content.ts';
import { libraryImages } from '../test/support/hub/library-images.ts';
import type { Blob } from '../test/support/registry/content.ts';

/** One image, as it has to be pushed: the blobs of each child, the child, and the index under each tag. */
export interface PreparedImage {
  readonly repository: string;
  readonly children: readonly PreparedChild[];
  readonly index: Manifest;
  readonly tags: readonly string[];
}

interface PreparedChild {
  readonly manifest: Manifest;
  readonly blobs: readonly Blob[];
}

/** The images of a folder that holds `library/`; with `names`, of these repositories alone. */
export async function prepareImages(library: string, names?: readonly string[]): Promise<PreparedImage[]> {
  const images = await libraryImages(library, names);
  const content = new HubContent(images, new ImageGenerator(1024));
  const byDigest = new Map<string, PreparedImage>();
  for (const { repository, tags } of images) {
    const index = present(content.manifest(repository, tags[0] ?? ''));
    const known = byDigest.get(`${repository}@${index.digest}`);
    const children = known?.children ?? childrenOf(content, repository, index);
    byDigest.set(`${repository}@${index.digest}`, {
      repository,
      children,
      index,
      tags: [...(known?.tags ?? []), ...tags],
    });
  }
  return [...byDigest.values()];
}

function childrenOf(content: HubContent, repository: string, index: Manifest): PreparedChild[] {
  const parsed = readManifest(index.bytes).content;
  if (parsed.kind !== 'index') throw new Error(`${repository}@${index.digest} is not an index`);
  return parsed.manifests.map(({ digest }) => {
    const manifest = present(content.manifest(repository, digest));
    const image = readManifest(manifest.bytes).content;
    if (image.kind !== 'image') throw new Error(`${repository}@${digest} is not an image`);
    const blobs = [image.config, ...image.layers].map((blob) => present(content.blob(repository, blob.digest)));
    return { manifest, blobs };
  });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the generator lacks a part of an image that it made');
  return value;
}
