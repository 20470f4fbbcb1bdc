// What the clients push: few enough that they push the same, and delete what others of them push.
import { digestOf } from '../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-type.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { type Graph, blobsOf, image, index, textBlob } from '../image-graph.ts';
import type { Blob } from '../registry/content.ts';

/** A graph that may be about another. */
export interface Picture extends Graph {
  readonly subject?: Descriptor | undefined;
}

const BIG_BYTES = 700_000;

const [one, two, three] = [
  image('one', ['base', 'one', 'x'.repeat(BIG_BYTES)]),
  image('two', ['base', 'shared']),
  image('three', ['shared', 'y'.repeat(BIG_BYTES), 'three']),
] as const;
const both = index(one, two);
const nested = index(both, three);

export const PICTURES: readonly Picture[] = [
  one,
  two,
  three,
  image('without layers', []),
  both,
  nested,
  artifactAbout(one, 'signature', ['signature of one']),
  artifactAbout(two, 'signature', ['shared']),
  artifactAbout(both, 'sbom', ['bill of both']),
];
export const BLOBS: readonly Blob[] = [
  ...new Map(PICTURES.flatMap(blobsOf).map((blob) => [blob.digest, blob])).values(),
  textBlob(''),
  textBlob('of no image'),
];
export const TAGS: readonly string[] = ['1', '2', 'latest'];

const byDigest = new Map<string, Picture>(
  PICTURES.flatMap(withChildren).map((picture) => [picture.manifest.digest, picture]),
);

/** Throws for what no client has ever pushed. */
export function pictureOf(digest: string): Picture {
  const picture = byDigest.get(digest);
  if (picture === undefined) throw new Error(`nobody pushed ${digest}`);
  return picture;
}

export function bytesOf({ parts }: Blob): Buffer<ArrayBuffer> {
  return Buffer.concat(parts);
}

function artifactAbout({ descriptor: subject }: Graph, type: string, texts: readonly string[]): Picture {
  const artifactType = `application/vnd.example.${type}`;
  const blobs = texts.map(textBlob);
  const config = textBlob('{}');
  const describe = ({ digest, sizeBytes }: Blob, mediaType: string) => ({ mediaType, digest, size: sizeBytes });
  const content = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociImage,
    artifactType,
    config: describe(config, 'application/vnd.oci.empty.v1+json'),
    layers: blobs.map((blob) => describe(blob, artifactType)),
    subject,
  };
  const bytes = Buffer.from(JSON.stringify(content));
  const manifest = { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociImage, bytes };
  const { digest, mediaType } = manifest;
  const descriptor = { mediaType, digest, size: bytes.byteLength };
  return { manifest, descriptor, blobs: [config, ...blobs], children: [], subject };
}

function withChildren(picture: Picture): readonly Picture[] {
  return [...picture.children.flatMap(withChildren), picture];
}
