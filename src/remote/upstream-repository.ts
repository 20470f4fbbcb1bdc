// A repository of an upstream as one source: what its tags mean comes from the authority alone, and content by digest
// from wherever it costs least.
import type { Digest } from '../oci/digest.ts';
import type { Manifest } from '../oci/manifest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { BlobBody, BlobCall, Call, Resolution, Source } from '../oci/repository.ts';
import { BlobTransfer, type BlobSource, type UnverifiedBlob } from './blob-transfer.ts';
import type { Mirror } from './mirror.ts';
import type { PullPayer } from './pull-ledger.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRepository } from './remote-repository.ts';

export interface UpstreamRepositoryOptions {
  /** The upstream's name, for templates. */
  readonly upstream: string;
  readonly name: RepositoryName;
  readonly authority: RemoteRepository;
  readonly mirrors: readonly Mirror[];
  /** Whether anybody may read the repository: others are never named to a mirror. Asked once, when it matters. */
  readonly isPublic: () => Promise<boolean>;
  /** Blobs whose bytes did not fit together when they came from several answers: shared by all of the upstream. */
  readonly unstitchable: Set<Digest>;
  readonly paid?: PaidManifestStore | undefined;
  readonly payer?: PullPayer | undefined;
  /** Learns how many pulls are left before the first one is spent. */
  readonly learnBudget: (digest: Digest, call: Call) => Promise<void>;
}

/** Keeps the manifests that pulls were spent on, so that none is paid for twice, whatever happens to the run. */
export interface PaidManifestStore {
  has(digest: Digest): Promise<boolean>;
  get(digest: Digest): Promise<Manifest | undefined>;
  /** What is kept, or else what `pay` brings, which is safe on disk then. Of several processes at once one pays. */
  getOrPay(digest: Digest, pay: () => Promise<Manifest>, call: Call): Promise<Manifest>;
}

export class UpstreamRepository implements Source {
  readonly #options: UpstreamRepositoryOptions;

  constructor(options: UpstreamRepositoryOptions) {
    this.#options = options;
  }

  async resolve(reference: Tag | Digest, call: Call = {}): Promise<Resolution> {
    return await this.#options.authority.resolve(reference, call);
  }

  /** From what was paid for already, from the mirrors, and last from the authority, which counts it. */
  async manifest(digest: Digest, call: Call = {}): Promise<Manifest> {
    const { authority, name, payer } = this.#options;
    const paid = await this.#paid?.get(digest);
    if (paid !== undefined) return paid;
    for (const { mirror, repository } of await this.#mirrors((each) => each.isFor('manifests'))) {
      try {
        return await repository.manifest(digest, call);
      } catch (error) {
        call.signal?.throwIfAborted();
        mirror.failed(name, digest, error);
      }
    }
    await this.#options.learnBudget(digest, call);
    const pay = () => authority.manifest(digest, { ...call, payer });
    return await (this.#paid?.getOrPay(digest, pay, call) ?? pay());
  }

  // Nothing is kept of an upstream that does not meter.
  get #paid(): PaidManifestStore | undefined {
    const { paid, authority } = this.#options;
    return authority.registry.ledger.budget === undefined ? undefined : paid;
  }

  async statBlob(digest: Digest, call: Call = {}): Promise<{ sizeBytes: number } | undefined> {
    return await this.#options.authority.statBlob(digest, call);
  }

  /** From the mirrors for blobs, else the authority, which does not count blobs, else any mirror. */
  async blob(digest: Digest, call: BlobCall = {}): Promise<BlobBody> {
    return await (await this.#transfer(digest, call)).open();
  }

  /** The same from `startByte` on, for whoever has what is before and hashes the whole. */
  async unverifiedBlob(digest: Digest, call: BlobCall & { readonly startByte?: number }): Promise<UnverifiedBlob> {
    return await (await this.#transfer(digest, call)).openUnverified();
  }

  /** Whether a body of this blob may be one of several answers: those did not fit together before. */
  mayStitch(digest: Digest): boolean {
    return !this.#options.unstitchable.has(digest);
  }

  /** Who is asked for a blob, in this order. */
  async blobSources(digest: Digest): Promise<readonly BlobSource[]> {
    const { authority, name } = this.#options;
    const sourcesFor = async (isMeant: (mirror: Mirror) => boolean): Promise<BlobSource[]> =>
      (await this.#mirrors(isMeant)).map(({ mirror, repository }) => ({
        repository,
        onFailure: (error) => mirror.failed(name, digest, error),
      }));
    return [
      ...(await sourcesFor((mirror) => mirror.isFor('blobs'))),
      { repository: authority, isAuthority: true },
      ...(await sourcesFor((mirror) => !mirror.isFor('blobs'))),
    ];
  }

  async #transfer(digest: Digest, call: BlobCall & { readonly startByte?: number }): Promise<BlobTransfer> {
    return new BlobTransfer({
      ...call,
      digest,
      sources: await this.blobSources(digest),
      mayStitch: this.mayStitch(digest),
      onStitchedWrong: () => this.#options.unstitchable.add(digest),
    });
  }

  async #mirrors(isMeant: (mirror: Mirror) => boolean): Promise<{ mirror: Mirror; repository: RemoteRepository }[]> {
    const { mirrors, upstream, name, isPublic } = this.#options;
    const candidates = mirrors.filter(isMeant).flatMap((mirror) => {
      const repository = mirror.repository(upstream, name);
      return repository === undefined ? [] : [{ mirror, repository }];
    });
    if (candidates.length === 0) return [];
    try {
      return (await isPublic()) ? candidates : [];
    } catch (error) {
      // Where that is not known nothing is told.
      if (error instanceof RemoteError) return [];
      throw error;
    }
  }
}
