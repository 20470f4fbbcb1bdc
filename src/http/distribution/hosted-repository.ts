// What the /v2 API needs of a registry. Every method may throw DENIED, and any may throw UNAVAILABLE; what else it may
// throw is said beside it. A method of a repository that does not exist throws NAME_UNKNOWN, unless it writes: pushing
// creates repositories.
import type { Awaitable } from '../../async/awaitable.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Manifest, ManifestContent } from '../../oci/manifest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { Call } from '../../oci/repository.ts';
import type { GuardOptions } from '../../oci/tag-guard.ts';
import type { AnswerBody } from './answer.ts';
import type { ByteRange } from './byte-range.ts';
import type { HttpRequest } from './request.ts';

export interface HostedRegistry {
  /**
   * The repository that the request means. Asks nobody whether it exists. Throws NAME_UNKNOWN for one that no request
   * like this can mean, UNSUPPORTED for one that cannot be written, and DENIED.
   */
  repository(name: RepositoryName, asked: AskedRepository): Awaitable<HostedRepository>;
  /** Throws UNAUTHORIZED where a client has to log in, before it asks for anything; without it none has to. */
  ping?(asked: Pick<AskedRepository, 'request' | 'prefix'>): Awaitable<void>;
  /** Whether the path component may stand before `/v2`; without it none may. */
  isPrefix?(component: string): boolean;
  /** Names after `after`, ascending by their bytes, at most `limit`. */
  listRepositories(page: Page<RepositoryName>, request: HttpRequest): Awaitable<readonly RepositoryName[]>;
}

/** What a request says of a repository besides its name. */
export interface AskedRepository {
  readonly request: HttpRequest;
  /** What stands before `/v2`. */
  readonly prefix?: string | undefined;
  readonly intent: 'read' | 'push' | 'delete';
}

/** Why an answer is older than it should be: its upstream did not say what is true now. */
export interface Staleness {
  /** Since the upstream said it. */
  readonly ageMs: number;
  /** A sentence that begins with the upstream. */
  readonly reason: string;
}

export interface Page<T> {
  readonly after?: T | undefined;
  readonly limit: number;
}

export interface ReadCall extends Call {
  /** The client wants to hear what is true now, not what was a moment ago: RFC 9111 §5.2.1.4. */
  readonly isInsistent?: boolean | undefined;
}

/** What a request asks of a tag, be it `guard` or our own rules, is asked where nobody else can change the tag meanwhile. */
export interface GuardedCall extends Call, GuardOptions {}

export type HostedRepository = HostedManifests & HostedBlobs & HostedUploads;

interface HostedManifests {
  /** What a HEAD asks: a `size` of 0 is not known. Throws MANIFEST_UNKNOWN. */
  resolve(reference: Tag | Digest, call: ReadCall): Awaitable<Descriptor & { readonly stale?: Staleness | undefined }>;
  /** Throws MANIFEST_UNKNOWN. */
  manifest(reference: Tag | Digest, call: ReadCall): Awaitable<Manifest & { readonly stale?: Staleness | undefined }>;
  /**
   * Stores the manifest, then moves the tags to it, all or nothing. `content` is what its bytes say. A `subject` may be
   * missing, and so may foreign layers. Throws MANIFEST_BLOB_UNKNOWN when the repository lacks another part, and DENIED
   * for a tag that may not move, and what the guard throws.
   */
  putManifest(manifest: Manifest, content: ManifestContent, tags: readonly Tag[], call: GuardedCall): Awaitable<void>;
  /** Leaves the manifest. Throws MANIFEST_UNKNOWN, DENIED for a tag that may not move, and what the guard throws. */
  deleteTag(tag: Tag, call: GuardedCall): Awaitable<void>;
  /** Takes its tags along. Throws MANIFEST_UNKNOWN, and DENIED when one of its tags may not move. */
  deleteManifest(digest: Digest, call: Call): Awaitable<void>;
  /** Tags after `after`, ascending by their bytes, at most `limit`. */
  listTags(page: Page<Tag>, call: Call): Awaitable<readonly Tag[]>;
  /**
   * Manifests whose `subject` is the digest, after `after`, ascending by their digests; none for an unknown digest or
   * repository. Each has the annotations of its manifest, and its artifact type: image-spec's, or that of its config.
   */
  referrers(subject: Digest, filter: ReferrersFilter, call: Call): Iterable<Descriptor> | AsyncIterable<Descriptor>;
}

export interface ReferrersFilter {
  readonly artifactType?: string | undefined;
  readonly after?: Digest | undefined;
}

interface HostedBlobs {
  /** For a client that relies on the answer: it need not push the blob. Throws BLOB_UNKNOWN. */
  statBlob(digest: Digest, call: Call): Awaitable<{ readonly sizeBytes: number }>;
  /** The same, for a client that reads the blob and is promised nothing. Throws BLOB_UNKNOWN. */
  sizeOfBlob(digest: Digest, call: Call): Awaitable<{ readonly sizeBytes: number }>;
  /** The bytes of the range, or all of them. Whoever calls it sends the body or gives it back. Throws BLOB_UNKNOWN. */
  openBlob(digest: Digest, range: ByteRange | undefined, call: Call): Awaitable<OpenBlob | BlobElsewhere>;
  /** Throws BLOB_UNKNOWN. */
  deleteBlob(digest: Digest, call: Call): Awaitable<void>;
  /**
   * Makes a blob of another repository one of this repository, too. `false` when that is not possible or not allowed;
   * the client then uploads it. Without `from`, any repository will do that the client may read.
   */
  mountBlob(digest: Digest, from: RepositoryName | undefined, call: Call): Awaitable<boolean>;
}

export interface OpenBlob {
  /** Of the whole blob. */
  readonly sizeBytes: number;
  readonly body: AnswerBody;
}

/** Where the client is to fetch it itself; the address is for it alone. */
export interface BlobElsewhere {
  readonly location: string;
}

/** Uploads belong to one repository: an id of another one throws BLOB_UPLOAD_UNKNOWN, as an unknown id does. */
interface HostedUploads {
  /** `algorithm` is what the client says its digest will be made with. */
  beginUpload(algorithm: 'sha256' | 'sha512', call: Call): Awaitable<UploadStatus>;
  upload(id: string, call: Call): Awaitable<UploadStatus>;
  /**
   * Adds the chunk. Bytes that came before a chunk's body failed stay. Throws RANGE_INVALID when the upload is not at
   * the chunk's offset, or another request is at it.
   */
  appendToUpload(id: string, chunk: UploadChunk, call: Call): Promise<UploadStatus>;
  /**
   * Adds the last chunk and makes the upload a blob. Throws RANGE_INVALID as above, and DIGEST_INVALID when the bytes
   * have another digest, after which there is no such upload any more.
   */
  finishUpload(id: string, digest: Digest, chunk: UploadChunk, call: Call): Promise<void>;
  cancelUpload(id: string, call: Call): Awaitable<void>;
}

export interface UploadStatus {
  readonly id: string;
  readonly receivedBytes: number;
}

export interface UploadChunk {
  readonly body: AsyncIterable<Uint8Array>;
  /** Where the client believes the upload to be; `undefined` when it did not say. */
  readonly offset?: number | undefined;
}
