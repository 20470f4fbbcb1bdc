// The domain on one screen: a repository is a source of content, and some sources are also targets.
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { Manifest } from './manifest.ts';
import type { Platform } from './platform.ts';
import type { RepositoryName, Tag } from './reference.ts';

/** What every operation that can wait takes. */
export interface Call {
  readonly signal?: AbortSignal | undefined;
}

/** What a reference means, and when that was last known to be so. */
export interface Resolution {
  readonly descriptor: Descriptor;
  readonly asOf: Date;
  /** An earlier answer, which nothing speaks against; nobody was asked for it this time. */
  readonly isRemembered?: boolean | undefined;
  /** What the authority said of the parts, when it said it without being asked for a manifest. */
  readonly parts?: readonly ResolvedPart[] | undefined;
}

/** One manifest below an index, as a web API lists it: its compressed size includes its layers. */
export interface ResolvedPart {
  readonly digest?: Digest | undefined;
  readonly platform: string;
  readonly sizeBytes: number;
}

export interface BlobCall extends Call {
  /** What a manifest says of the size: a source that says otherwise is passed over where there is another. */
  readonly sizeBytes?: number | undefined;
}

export interface BlobBody {
  readonly sizeBytes: number;
  /** Whoever receives it reads it to the end or cancels it; it fails rather than hand out wrong bytes as right. */
  readonly body: ReadableStream<Uint8Array>;
}

export interface Source {
  /** Asks what a tag or digest means without fetching it. Throws MANIFEST_UNKNOWN when there is no such thing. */
  resolve(reference: Tag | Digest, call?: Call): Promise<Resolution>;
  /** The bytes, hashed to the digest. */
  manifest(digest: Digest, call?: Call): Promise<Manifest>;
  /** `undefined` when the repository does not have it. */
  statBlob(digest: Digest, call?: Call): Promise<{ sizeBytes: number } | undefined>;
  /** A stream that ends well only if its bytes hash to the digest. */
  blob(digest: Digest, call?: BlobCall): Promise<BlobBody>;
}

/** What a pusher knows that can save the target work. */
export interface PushCall extends Call {
  /** Another repository of the same registry that has the blob: it can appear here without being sent. */
  readonly mountFrom?: RepositoryName | undefined;
  /** The repository is known to lack the blob, so it need not be asked. */
  readonly isKnownAbsent?: boolean | undefined;
  /** Called as bytes leave. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** How a blob came to be where it was pushed to. */
export type PushOutcome = 'present' | 'mounted' | 'sent';

export interface Target extends Source {
  /** Sends a blob. `open` is called again for each retry, and each body it gives is consumed or cancelled. */
  push(blob: Descriptor, open: () => Promise<ReadableStream<Uint8Array>>, call?: PushCall): Promise<PushOutcome>;
  /** Stores a manifest under its digest and moves the tags to it. All that it names must be there already. */
  put(manifest: Manifest, tags: readonly Tag[], call?: Call): Promise<void>;
}

/** A target of our own, which keeps an index as it came with only some of its children. Other registries refuse that. */
export interface KeepsSparseIndexes {
  /** Whether it has the manifest, with all that a copy for these platforms brings; none means all. */
  holds(digest: Digest, platforms: readonly Platform[]): Promise<boolean>;
  /** Like `put`, for an index of which some children are missing. */
  putSparse(index: Manifest, tags: readonly Tag[], call?: Call): Promise<void>;
}

export function keepsSparseIndexes<T extends object>(target: T): target is T & KeepsSparseIndexes {
  return 'putSparse' in target;
}

export interface DeletesTags {
  /**
   * Takes the tag away and leaves all else, as distribution-spec §Deleting tags has it. `false` when the registry
   * cannot do that; `true` also when there was no such tag.
   */
  deleteTag(tag: Tag, call?: Call): Promise<boolean>;
}

export interface ListsTags {
  /** `undefined` when there is no such repository. */
  listTags(call?: Call): Promise<ReadonlySet<Tag> | undefined>;
}
