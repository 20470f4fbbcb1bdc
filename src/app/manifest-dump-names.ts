// How the files of a dump are called. Names of images are checked ones: none has a `..`, and a `/` makes a folder.
import { type Digest, algorithmOf } from '../oci/digest.ts';
import { type Reference, familiarName } from '../oci/reference.ts';

/**
 * `digest`: sha256/abcd….json, each manifest once. `tags`: NAME:TAG.json, and NAME:TAG@DIGEST.json for what its index
 * names.
 */
export type DumpNaming = 'digest' | 'tags';

export const TABLE = 'tags.tsv';

/** An image as a dump has it: `nginx:1.27`, or `nginx@sha256:…` for one without a tag. */
export function labelOf({ domain, repository, tag, digest }: Reference): string {
  const name = familiarName(domain, repository);
  return tag === undefined ? `${name}@${digest ?? ''}` : `${name}:${tag}`;
}

export interface DumpNames {
  /** Of what the tag itself means. */
  readonly root: (label: string, digest: Digest) => string;
  /** Of a manifest below it. */
  readonly child: (label: string, digest: Digest) => string;
  /** Of the config of an image, the root or one below it. */
  readonly config: (label: string, image: Digest, config: Digest) => string;
  /** Whether a dump may have written a file of that name. */
  readonly isOurs: (name: string) => boolean;
}

export const DUMP_NAMES: Readonly<Record<DumpNaming, DumpNames>> = {
  digest: {
    root: (_, digest) => byDigest(digest),
    child: (_, digest) => byDigest(digest),
    config: (_, __, config) => byDigest(config),
    isOurs: (name) => /^sha(?:256|512)\/[0-9a-f]{64,128}\.json$/.test(name),
  },
  tags: {
    root: (label) => `${label}.json`,
    child: (label, digest) => `${label}@${digest}.json`,
    config: (label, image) => `${label}@${image}.config.json`,
    isOurs: (name) =>
      /(?::[\w.-]+|@sha(?:256|512):[0-9a-f]+)(?:@sha(?:256|512):[0-9a-f]+(?:\.config)?)?\.json$/.test(name),
  },
};

function byDigest(digest: Digest): string {
  const algorithm = algorithmOf(digest);
  return `${algorithm}/${digest.slice(algorithm.length + 1)}.json`;
}
