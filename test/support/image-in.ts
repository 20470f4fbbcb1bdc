import { type ImageContent, type IndexContent, readManifest } from '../../src/oci/manifest.ts';
import type { Content } from './registry/content.ts';

interface HasContent {
  readonly content: Content;
}

/** What the image manifest at this tag or digest says. Throws when it is not there, or is an index. */
export function imageIn(from: HasContent, repository: string, reference: string): ImageContent {
  const content = contentOf(from, repository, reference);
  if (content.kind !== 'image') throw new Error(`${repository} ${reference} is an index`);
  return content;
}

/** What the index at this tag or digest says. Throws when it is not there, or is an image. */
export function indexIn(from: HasContent, repository: string, reference: string): IndexContent {
  const content = contentOf(from, repository, reference);
  if (content.kind !== 'index') throw new Error(`${repository} ${reference} is no index`);
  return content;
}

function contentOf({ content }: HasContent, repository: string, reference: string): ImageContent | IndexContent {
  const manifest = content.manifest(repository, reference);
  if (manifest === undefined) throw new Error(`there is no ${repository} ${reference}`);
  return readManifest(manifest.bytes).content;
}
