// A repository of an upstream as it is served from here: what is in the store at once, and what is not by asking.
import type { Awaitable } from '../async/awaitable.ts';
import type { Clock } from '../async/clock.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type Manifest, readManifest } from '../oci/manifest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import { newManifest } from '../store/new-manifest.ts';
import { type FreshnessPolicy, isFresh, isFreshForInsistent, isUsableStale } from './freshness.ts';
import type { Patience } from './patience.ts';
import type { PullEvents, PullOutcome, Pulled } from './pull-events.ts';
import type { Questions } from './questions.ts';
import type { KnownTag, TagKnowledge } from './tag-knowledge.ts';
import { unlessGone } from './unless-gone.ts';
import { UpstreamFailure, failureFor } from './upstream-failure.ts';

/** Why an answer is older than it should be. */
export interface Staleness {
  /** Since the upstream said it. */
  readonly ageMs: number;
  /** A sentence that begins with the upstream. */
  readonly reason: string;
}

export interface PullCall extends Call {
  /** The client does not want what was known before. */
  readonly isInsistent?: boolean | undefined;
}

export type PulledDescriptor = Descriptor & { readonly stale?: Staleness | undefined };
export type PulledManifest = Manifest & { readonly stale?: Staleness | undefined };

interface Resolved {
  readonly outcome: PullOutcome;
  readonly descriptor: PulledDescriptor;
}

export interface PulledManifestsOptions {
  /** Of the repository in our store. */
  readonly name: RepositoryName;
  /** The upstream's name. */
  readonly upstream: string;
  /** What its tags mean, at their owner alone, and its content by digest from wherever it costs least. */
  readonly source: Pick<Source, 'resolve' | 'manifest'>;
  /** When there are pulls again; `undefined` while some are left. */
  readonly pullsBackByMs: () => number | undefined;
  readonly metadata: MetadataStore;
  readonly policy: FreshnessPolicy;
  readonly shared: SharedManifests;
}

/** What the repositories of a process share. */
export interface SharedManifests {
  readonly clock: Clock;
  readonly knowledge: TagKnowledge;
  readonly meanings: Questions<Descriptor>;
  readonly manifests: Questions<Manifest>;
  readonly events: PullEvents;
  readonly patience: Patience;
}

export class PulledManifests {
  readonly #options: PulledManifestsOptions;
  readonly #pulled: Pulled;

  constructor(options: PulledManifestsOptions) {
    this.#options = options;
    this.#pulled = { upstream: options.upstream, kind: 'manifest' };
  }

  /** HEAD: never brings anything here, and spends no pull. Throws as `manifest` does. */
  resolve(reference: Tag | Digest, call: PullCall = {}): Awaitable<PulledDescriptor> {
    const { name, metadata } = this.#options;
    if (isDigest(reference)) {
      const found = metadata.statManifest(name, reference);
      if (found !== undefined && !(found instanceof Promise)) return this.#counted('hit', found);
      return this.#resolveDigest(reference, found);
    }
    const fresh = this.#freshAtHand(reference, call);
    if (fresh !== undefined) return this.#counted('hit', fresh);
    return this.#resolveTag(reference, call).then(({ outcome, descriptor }) => this.#counted(outcome, descriptor));
  }

  /**
   * GET. Throws MANIFEST_UNKNOWN or NAME_UNKNOWN when the upstream says that there is no such thing, DENIED when it
   * refuses us, and UpstreamFailure when it gives no answer and there is none here that could still be used.
   */
  manifest(reference: Tag | Digest, call: PullCall = {}): Awaitable<PulledManifest> {
    const { name, metadata, shared } = this.#options;
    const digest = isDigest(reference) ? reference : this.#freshAtHand(reference, call)?.digest;
    const manifest = digest && metadata.manifest(name, digest);
    if (manifest !== undefined && !(manifest instanceof Promise)) {
      shared.events.used(name, manifest.digest);
      return this.#counted('hit', manifest);
    }
    return isDigest(reference) ? this.#manifestByDigest(reference) : this.#manifestOfTag(reference, call);
  }

  /** What was heard of the tag is not believed any more. */
  forget(tag: Tag): void {
    const { name, shared } = this.#options;
    shared.knowledge.forget(name, tag);
    shared.meanings.forget(`${name}:${tag}`);
  }

  /** Each answer counts once, by how it was come by. */
  #counted<T extends PulledDescriptor | PulledManifest>(outcome: PullOutcome, answer: T): T {
    this.#options.shared.events.count(outcome, this.#pulled, answer.stale?.reason);
    return answer;
  }

  /** What the tag means, where that can be said without asking or waiting. */
  #freshAtHand(tag: Tag, { isInsistent = false }: PullCall): Descriptor | undefined {
    const { name, metadata, shared } = this.#options;
    const known = shared.knowledge.get(name, tag);
    if (known === undefined || isInsistent || !this.#isFresh(tag, known)) return undefined;
    const stored = metadata.resolveTag(name, tag);
    if (stored === undefined || stored instanceof Promise) return undefined;
    return stored.digest === known.descriptor.digest ? stored : undefined;
  }

  #isFresh(tag: Tag, { asOfMs }: KnownTag): boolean {
    const { policy, shared } = this.#options;
    return isFresh(tag, { asOfMs, nowMs: shared.clock.now() }, policy);
  }

  async #resolveDigest(digest: Digest, finding: Awaitable<Descriptor | undefined>): Promise<Descriptor> {
    const found = await finding;
    if (found !== undefined) return this.#counted('hit', found);
    const { name, source, shared } = this.#options;
    const ask = async (signal: AbortSignal) => (await source.resolve(digest, { signal })).descriptor;
    const asking = shared.meanings.ask(`${name}@${digest}`, (signal) => this.#asFailure(ask(signal)));
    return this.#counted('miss', await asking);
  }

  async #resolveTag(tag: Tag, { isInsistent = false, signal }: PullCall): Promise<Resolved> {
    const { policy, shared } = this.#options;
    const last = await this.#lastAnswer(tag);
    const age = { asOfMs: last?.asOfMs ?? 0, nowMs: shared.clock.now() };
    if (last !== undefined && (isInsistent ? isFreshForInsistent(age) : isFresh(tag, age, policy))) {
      return { outcome: 'hit', descriptor: last.descriptor };
    }
    const asking = this.#ask(tag);
    if (last === undefined || !isUsableStale(age, policy)) {
      return { outcome: 'miss', descriptor: await unlessGone(asking, signal) };
    }
    try {
      const descriptor = await shared.patience.wait(this.#options.upstream, unlessGone(asking, signal));
      return { outcome: descriptor.digest === last.descriptor.digest ? 'revalidated' : 'miss', descriptor };
    } catch (error) {
      const stale = this.#staleness(last, error);
      return { outcome: 'stale', descriptor: { ...last.descriptor, stale } };
    }
  }

  /** The newest of what this process heard and what the store was told, also by other processes. */
  async #lastAnswer(tag: Tag): Promise<KnownTag | undefined> {
    const { name, metadata, shared } = this.#options;
    const known = shared.knowledge.get(name, tag);
    const stored = await metadata.resolveTag(name, tag);
    if (stored === undefined) return known;
    const asOfMs = (await metadata.tagConfirmedAt(name, tag)) ?? 0;
    if (known !== undefined && known.asOfMs >= asOfMs) return known;
    shared.knowledge.learn(name, tag, { descriptor: stored, asOfMs });
    return { descriptor: stored, asOfMs };
  }

  #ask(tag: Tag): Promise<Descriptor> {
    const { name, source, shared } = this.#options;
    const asking = shared.meanings.ask(`${name}:${tag}`, async (signal) => {
      try {
        const { descriptor, asOf } = await this.#asFailure(source.resolve(tag, { signal }));
        await this.#learn(tag, { descriptor, asOfMs: asOf.getTime() });
        return descriptor;
      } catch (error) {
        if (isUnknown(error)) await this.#forget(tag);
        throw error;
      }
    });
    // Whoever asked may have gone on with an older answer.
    asking.catch(() => undefined);
    return asking;
  }

  async #learn(tag: Tag, known: KnownTag): Promise<void> {
    const { name, metadata, shared, upstream } = this.#options;
    const { digest } = known.descriptor;
    shared.knowledge.learn(name, tag, known);
    await this.#attempt(async () => {
      const stored = await metadata.resolveTag(name, tag);
      if (stored?.digest === digest) {
        await metadata.confirmTag({ repository: name, tag, digest, at: known.asOfMs });
        return;
      }
      const manifest = await metadata.manifest(name, digest);
      if (manifest === undefined) shared.knowledge.await(name, tag, digest);
      else await metadata.putManifest(name, readNew(manifest), { tags: [tag], upstream, mayLack: 'anything' });
    });
  }

  async #forget(tag: Tag): Promise<void> {
    const { name, metadata, shared } = this.#options;
    shared.knowledge.forget(name, tag);
    await this.#attempt(async () => {
      if ((await metadata.resolveTag(name, tag)) !== undefined) await metadata.deleteTag(name, tag);
    });
  }

  async #manifestOfTag(tag: Tag, call: PullCall): Promise<PulledManifest> {
    const { outcome, descriptor } = await this.#resolveTag(tag, call);
    const { digest, stale } = descriptor;
    const here = await this.#manifestHere(digest);
    if (here !== undefined) return this.#counted(outcome, { ...here, stale });
    const fetching = this.#fetched(digest);
    // Somebody has to listen while it is looked for what there is instead.
    fetching.catch(() => undefined);
    const older = await this.#storedBefore(tag, digest);
    if (older === undefined) return this.#counted('miss', { ...(await fetching), stale });
    try {
      return this.#counted('miss', {
        ...(await this.#options.shared.patience.wait(this.#options.upstream, fetching)),
        stale,
      });
    } catch (error) {
      return this.#counted('stale', { ...older.manifest, stale: this.#staleness(older.known, error) });
    }
  }

  /** What the tag meant until its upstream said that it means something else, which may not be had. */
  async #storedBefore(tag: Tag, digest: Digest): Promise<{ manifest: Manifest; known: KnownTag } | undefined> {
    const { name, metadata, policy, shared } = this.#options;
    const descriptor = await metadata.resolveTag(name, tag);
    const asOfMs = (await metadata.tagConfirmedAt(name, tag)) ?? 0;
    if (descriptor === undefined || descriptor.digest === digest) return undefined;
    if (!isUsableStale({ asOfMs, nowMs: shared.clock.now() }, policy)) return undefined;
    const manifest = await this.#manifestHere(descriptor.digest);
    return manifest && { manifest, known: { descriptor, asOfMs } };
  }

  async #manifestByDigest(digest: Digest): Promise<Manifest> {
    const here = await this.#manifestHere(digest);
    return here === undefined ? this.#counted('miss', await this.#fetched(digest)) : this.#counted('hit', here);
  }

  async #manifestHere(digest: Digest): Promise<Manifest | undefined> {
    const { name, metadata, shared } = this.#options;
    shared.events.used(name, digest);
    return await metadata.manifest(name, digest);
  }

  /** From the upstream, and then it is here. */
  #fetched(digest: Digest): Promise<Manifest> {
    const { name, shared } = this.#options;
    return shared.manifests.ask(`${name}@${digest}`, (signal) => this.#fetch(digest, signal));
  }

  async #fetch(digest: Digest, signal: AbortSignal): Promise<Manifest> {
    const { name, upstream, source, metadata, shared } = this.#options;
    const manifest = await this.#asFailure(source.manifest(digest, { signal }));
    await this.#attempt(async () => {
      const tags = shared.knowledge.arrived(name, digest);
      await metadata.putManifest(name, readNew(manifest), { tags, upstream, mayLack: 'anything' });
    });
    return manifest;
  }

  async #asFailure<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      const { shared, pullsBackByMs } = this.#options;
      const backByMs = pullsBackByMs();
      const pullsBackInMs = backByMs && backByMs - shared.clock.now();
      throw failureFor(error, { unknown: 'MANIFEST_UNKNOWN', pullsBackInMs });
    }
  }

  /** What cannot be kept is served all the same. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.shared.events.notKept(this.#options.name, error);
    }
  }

  /** Only an upstream that gives no answer is stood in for. */
  #staleness({ asOfMs }: KnownTag, error: unknown): Staleness {
    if (!(error instanceof UpstreamFailure)) throw error;
    return { ageMs: this.#options.shared.clock.now() - asOfMs, reason: error.message };
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof OciError && error.status === 404;
}

function readNew(manifest: Manifest) {
  return newManifest(manifest, readManifest(manifest.bytes).content);
}
