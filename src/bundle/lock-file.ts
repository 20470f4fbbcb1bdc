// What a bundle says of itself: the images, and all that they are made of, also what is left to the other side to have.
import { z } from 'zod';
import { parseJson } from '../archive/image-config.ts';
import { type Digest, isDigest } from '../oci/digest.ts';

/** Beside index.json. */
export const LOCK_FILE = 'wharf-bundle.json';
/** For about 500,000 manifests and blobs. */
export const MAX_LOCK_BYTES = 64 * 1024 * 1024;

export interface LockedImage {
  /** In full: `docker.io/library/nginx:1.27`. */
  readonly reference: string;
  readonly digest: Digest;
  /** What it is called in index.json, and so by skopeo; none for an image without a tag. */
  readonly name?: string | undefined;
  /** As far as its index says. */
  readonly platforms: readonly string[];
  /** Of all its manifests and blobs. */
  readonly sizeBytes: number;
}

export interface LockedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** The manifests and blobs that it needs; empty where it was not looked into, as the other side has it. */
  readonly parts: readonly Digest[];
  /** Of an index. */
  readonly platforms?: readonly string[] | undefined;
}

export interface LockedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What the bundle does not hold, as the other side has it. */
export interface AbsentContent {
  readonly digest: Digest;
  /** A repository there, `docker.io/library/nginx`; empty where that is not known. */
  readonly at: string;
}

export interface LockFile {
  /** What wrote it: `wharf 0.1.0`. */
  readonly tool: string;
  /** Each list is in the order of its references or digests: equal contents make equal bytes. */
  readonly images: readonly LockedImage[];
  readonly manifests: readonly LockedManifest[];
  readonly blobs: readonly LockedBlob[];
  readonly absent: readonly AbsentContent[];
}

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'expected a digest',
});
const sizeBytes = z.int().nonnegative();
const lockSchema = z.object({
  version: z.literal(1, { error: 'only version 1 is read here; a newer wharf reads newer ones' }),
  tool: z.string(),
  images: z.array(
    z.object({
      reference: z.string(),
      digest,
      name: z.string().optional(),
      platforms: z.array(z.string()),
      sizeBytes,
    }),
  ),
  manifests: z.array(
    z.object({
      digest,
      mediaType: z.string(),
      sizeBytes,
      parts: z.array(digest),
      platforms: z.array(z.string()).optional(),
    }),
  ),
  blobs: z.array(z.object({ digest, sizeBytes })),
  absent: z.array(z.object({ digest, at: z.string() })),
});

export function formatLockFile({ tool, images, manifests, blobs, absent }: LockFile): string {
  const lines = (name: string, list: readonly object[]) =>
    `  ${JSON.stringify(name)}: [${list.map((each) => `\n    ${JSON.stringify(each)}`).join(',')}${list.length === 0 ? '' : '\n  '}]`;
  const lists = [
    lines('images', images),
    lines('manifests', manifests),
    lines('blobs', blobs),
    lines('absent', absent),
  ];
  return `{\n  "version": 1,\n  "tool": ${JSON.stringify(tool)},\n${lists.join(',\n')}\n}\n`;
}

/** Throws UsageError that calls the text `what`. */
export function parseLockFile(text: string, what: string): LockFile {
  const { version: _, ...lock } = parseJson(text, lockSchema, what);
  return lock;
}

/** What an image needs: the manifests, and the blobs, each once. A lock that names parts in a circle does no harm. */
export function contentsOf(
  root: Digest,
  manifests: ReadonlyMap<Digest, LockedManifest>,
): { readonly manifests: readonly LockedManifest[]; readonly blobs: readonly Digest[] } {
  const found = new Map<Digest, LockedManifest>();
  const blobs = new Set<Digest>();
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const manifest = manifests.get(next);
    if (manifest === undefined) blobs.add(next);
    else if (!found.has(next)) {
      found.set(next, manifest);
      waiting.push(...manifest.parts);
    }
  }
  return { manifests: [...found.values()], blobs: [...blobs] };
}
