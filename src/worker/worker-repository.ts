// One repository of an upstream, for one request: what its tags mean from the authority, manifests by digest from wherever
// they cost least, verified before anybody sees them, and blobs as they come.
import type { Clock } from '../async/clock.ts';
import type { UpstreamConfig } from '../config/config.ts';
import type { ByteRange } from '../http/distribution/byte-range.ts';
import type {
  BlobElsewhere,
  HostedRepository,
  OpenBlob,
  Page,
  ReadCall,
  ReferrersFilter,
  Staleness,
} from '../http/distribution/hosted-repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf, isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { Manifest } from '../oci/manifest.ts';
import { parsePattern } from '../oci/pattern.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { failureFor } from '../pull-through/upstream-failure.ts';
import type { Upstream } from '../remote/upstream.ts';
import type { UpstreamRepository } from '../remote/upstream-repository.ts';
import type { EdgeCache } from './edge-cache.ts';
import { passBlob } from './pass-blob.ts';
import { TagMeanings } from './tag-meanings.ts';

export interface WorkerRepositoryOptions {
  readonly name: RepositoryName;
  readonly upstream: Upstream;
  readonly config: Pick<UpstreamConfig, 'freshForMs' | 'staleForMs' | 'immutable'>;
  readonly cache: EdgeCache;
  readonly clock: Clock;
  /** Clients may be sent to where an upstream sends us for a blob. */
  readonly mayRedirect: boolean;
  /** Whole blobs are hashed here, and parts come from the authority alone. */
  readonly verifyBlobs: boolean;
}

/** What a digest names never changes. */
const FOR_EVER_MS = 365 * 24 * 3_600_000;

export class WorkerRepository implements HostedRepository {
  readonly #options: WorkerRepositoryOptions;
  readonly #source: UpstreamRepository;
  readonly #tags: TagMeanings;

  readonly putManifest = refuse;
  readonly deleteTag = refuse;
  readonly deleteManifest = refuse;
  readonly deleteBlob = refuse;
  readonly mountBlob = refuse;
  readonly beginUpload = refuse;
  readonly upload = refuse;
  readonly appendToUpload = refuse;
  readonly finishUpload = refuse;
  readonly cancelUpload = refuse;

  constructor(options: WorkerRepositoryOptions) {
    const { name, upstream, config, cache, clock } = options;
    this.#options = options;
    this.#source = upstream.repository(name);
    const patterns = config.immutable.map(parsePattern).filter((pattern) => pattern.matchesName(name));
    this.#tags = new TagMeanings({
      authority: this.#source,
      cache,
      clock,
      policy: { ...config, isImmutable: (tag) => patterns.some((pattern) => pattern.matchesTag(tag)) },
      pullsBackInMs: () => this.#pullsBackInMs(),
    });
  }

  async resolve(
    reference: Tag | Digest,
    call: ReadCall,
  ): Promise<Descriptor & { readonly stale?: Staleness | undefined }> {
    if (!isDigest(reference)) return await this.#tags.resolve(reference, call);
    const kept = await this.#kept(reference);
    if (kept !== undefined) return { ...kept, size: kept.bytes.byteLength };
    return (await this.#asked('MANIFEST_UNKNOWN', this.#source.resolve(reference, signalOf(call)))).descriptor;
  }

  async manifest(
    reference: Tag | Digest,
    call: ReadCall,
  ): Promise<Manifest & { readonly stale?: Staleness | undefined }> {
    if (isDigest(reference)) return await this.#manifest(reference, call);
    const { digest, stale } = await this.#tags.resolve(reference, call);
    return { ...(await this.#manifest(digest, call)), stale };
  }

  async listTags({ after = '' as Tag, limit }: Page<Tag>, call: Call): Promise<readonly Tag[]> {
    const { upstream, name } = this.#options;
    const tags = await this.#asked('MANIFEST_UNKNOWN', upstream.authority(name).listTags(signalOf(call)));
    if (tags === undefined) throw new OciError('NAME_UNKNOWN', `there is no repository ${name}`);
    const wanted = [...tags].filter((tag) => tag > after);
    return wanted.toSorted((one, other) => (one < other ? -1 : 1)).slice(0, limit);
  }

  async *referrers(subject: Digest, { artifactType, after = '' as Digest }: ReferrersFilter, call: Call) {
    const { upstream, name } = this.#options;
    const asking = upstream.authority(name).referrers(subject, signalOf(call));
    for (const referrer of await this.#asked('MANIFEST_UNKNOWN', asking)) {
      const isWanted = artifactType === undefined || referrer.artifactType === artifactType;
      if (isWanted && referrer.digest > after) yield referrer;
    }
  }

  async statBlob(digest: Digest, call: Call): Promise<{ readonly sizeBytes: number }> {
    const found = await this.#asked('BLOB_UNKNOWN', this.#source.statBlob(digest, signalOf(call)));
    if (found === undefined) throw new OciError('BLOB_UNKNOWN', `there is no blob ${digest} in ${this.#options.name}`);
    return found;
  }

  async sizeOfBlob(digest: Digest, call: Call): Promise<{ readonly sizeBytes: number }> {
    return await this.statBlob(digest, call);
  }

  async openBlob(digest: Digest, range: ByteRange | undefined, call: Call): Promise<OpenBlob | BlobElsewhere> {
    return await this.#asked('BLOB_UNKNOWN', this.#openBlob(digest, range, signalOf(call)));
  }

  async #openBlob(digest: Digest, range: ByteRange | undefined, call: Call): Promise<OpenBlob | BlobElsewhere> {
    const { verifyBlobs, mayRedirect } = this.#options;
    if (verifyBlobs && range === undefined) return await this.#source.blob(digest, call);
    const sources = await this.#source.blobSources(digest);
    // Of a part nobody can say whether it is right, so that it comes from whoever decides what is.
    const trusted = verifyBlobs ? sources.filter(({ isAuthority }) => isAuthority === true) : sources;
    return await passBlob(trusted, { ...call, digest, range, mayRedirect: mayRedirect && !verifyBlobs });
  }

  async #manifest(digest: Digest, call: Call): Promise<Manifest> {
    const kept = await this.#kept(digest);
    if (kept !== undefined) return kept;
    const manifest = await this.#asked('MANIFEST_UNKNOWN', this.#source.manifest(digest, signalOf(call)));
    this.#options.cache.keep(keyOf(digest), manifest, FOR_EVER_MS);
    return manifest;
  }

  async #kept(digest: Digest): Promise<Manifest | undefined> {
    const found = await this.#options.cache.get(keyOf(digest));
    const isRight = found !== undefined && digestOf(found.bytes, algorithmOf(digest)) === digest;
    return isRight ? { ...found, digest } : undefined;
  }

  async #asked<T>(unknown: 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN', asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      throw failureFor(error, { unknown, pullsBackInMs: this.#pullsBackInMs() });
    }
  }

  #pullsBackInMs(): number | undefined {
    const { upstream, clock } = this.#options;
    const backByMs = upstream.registry.pullsBackByMs;
    return backByMs === undefined ? undefined : backByMs - clock.now();
  }
}

function keyOf(digest: Digest): string {
  return `manifests/${digest}`;
}

function signalOf({ signal }: Call): Call {
  return { signal };
}

function refuse(): never {
  throw new OciError('UNSUPPORTED', 'this mirror takes no pushes');
}
