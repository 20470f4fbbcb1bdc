// What a client may rely on, from what it was told: the model.
import type { Digest } from '../../../src/oci/digest.ts';
import { type Picture, pictureOf } from './images.ts';

/** What runs beside the clients may take from them. */
export interface Collections {
  /** Blobs that no manifest names and nobody was promised, however young. */
  readonly takesYoungBlobs: boolean;
  /** Manifests that no tag, index or subject keeps. */
  readonly takesUntagged: boolean;
}

/** `maybe`: a request that would have changed it was cut off. */
type Presence = 'here' | 'gone' | 'maybe';

export class KnownRepository {
  readonly name: string;
  /** Others change it, too: nothing is ever sure. */
  readonly isShared: boolean;
  readonly #collections: Collections;
  readonly #blobs = new Map<Digest, Presence>();
  /** What the registry has promised to keep for an hour, which is longer than any run. */
  readonly #leased = new Set<Digest>();
  readonly #manifests = new Map<Digest, Presence>();
  /** What each tag may mean; it means one thing when there is one. */
  readonly #tags = new Map<string, ReadonlySet<Digest | undefined>>();

  constructor(name: string, options: Collections & { readonly isShared: boolean }) {
    this.name = name;
    this.isShared = options.isShared;
    this.#collections = options;
  }

  // What was asked of the registry. `isAcknowledged` is false when the request was cut off.

  putBlob(digest: Digest, isAcknowledged: boolean): void {
    this.#put(this.#blobs, digest, isAcknowledged);
    this.#giveUpWhatMayBeTaken();
  }

  leaseBlob(digest: Digest): void {
    this.#leased.add(digest);
  }

  deleteBlob(digest: Digest, isAcknowledged: boolean): void {
    this.#delete(this.#blobs, digest, isAcknowledged);
  }

  /** What it names is there if it is acknowledged: it would have been refused. */
  putManifest({ manifest, blobs, children }: Picture, tag: string | undefined, isAcknowledged: boolean): void {
    this.#put(this.#manifests, manifest.digest, isAcknowledged);
    if (isAcknowledged) {
      for (const { digest } of blobs) this.#blobs.set(digest, 'here');
      for (const child of children) this.#manifests.set(child.manifest.digest, 'here');
    }
    if (tag !== undefined) this.#moveTag(tag, manifest.digest, isAcknowledged);
    this.#giveUpWhatMayBeTaken();
  }

  deleteManifest(digest: Digest, isAcknowledged: boolean): void {
    this.#delete(this.#manifests, digest, isAcknowledged);
    for (const [tag, meanings] of this.#tags) if (meanings.has(digest)) this.#loseMeaning(tag, digest, isAcknowledged);
    this.#giveUpWhatMayBeTaken();
  }

  deleteTag(tag: string, isAcknowledged: boolean): void {
    this.#moveTag(tag, undefined, isAcknowledged);
    this.#giveUpWhatMayBeTaken();
  }

  // What it was seen to have.

  sawTag(tag: string, digest: Digest | undefined): void {
    if (this.isShared) return;
    this.#tags.set(tag, new Set([digest]));
    if (digest !== undefined) this.#manifests.set(digest, 'here');
    this.#giveUpWhatMayBeTaken();
  }

  // What follows.

  get blobs(): readonly Digest[] {
    return [...this.#blobs.keys()];
  }

  get manifests(): readonly Digest[] {
    return [...this.#manifests.keys()];
  }

  /** `undefined` when it may mean anything. */
  meaningsOf(tag: string): ReadonlySet<Digest | undefined> | undefined {
    return this.isShared ? undefined : (this.#tags.get(tag) ?? new Set([undefined]));
  }

  isBlobSure(digest: Digest): boolean {
    if (this.isShared || this.#blobs.get(digest) !== 'here') return false;
    return !this.#collections.takesYoungBlobs || this.#leased.has(digest) || this.#isNamed(digest);
  }

  isBlobSurelyGone(digest: Digest): boolean {
    return !this.isShared && (this.#blobs.get(digest) ?? 'gone') === 'gone';
  }

  isManifestSure(digest: Digest): boolean {
    if (this.isShared || this.#manifests.get(digest) !== 'here') return false;
    return !this.#collections.takesUntagged || this.#isKept(digest);
  }

  isManifestSurelyGone(digest: Digest): boolean {
    return !this.isShared && (this.#manifests.get(digest) ?? 'gone') === 'gone';
  }

  #isNamed(blob: Digest): boolean {
    return this.manifests.some(
      (digest) => this.isManifestSure(digest) && pictureOf(digest).blobs.some((named) => named.digest === blob),
    );
  }

  /** By a tag, an index that is kept, or a subject that is. */
  #isKept(digest: Digest): boolean {
    if (this.#manifests.get(digest) !== 'here') return false;
    for (const meanings of this.#tags.values()) if (meanings.size === 1 && meanings.has(digest)) return true;
    const { subject } = pictureOf(digest);
    if (subject !== undefined && this.#isKept(subject.digest)) return true;
    const isParent = (other: Picture) => other.children.some(({ manifest }) => manifest.digest === digest);
    return this.manifests.some((other) => isParent(pictureOf(other)) && this.#isKept(other));
  }

  /** What nothing keeps for a moment may be gone by the time that something would keep it again. */
  #giveUpWhatMayBeTaken(): void {
    for (const [digest, presence] of this.#manifests) {
      if (presence === 'here' && !this.isManifestSure(digest)) this.#manifests.set(digest, 'maybe');
    }
    for (const [digest, presence] of this.#blobs) {
      if (presence === 'here' && !this.isBlobSure(digest)) this.#blobs.set(digest, 'maybe');
    }
  }

  #put(presences: Map<Digest, Presence>, digest: Digest, isAcknowledged: boolean): void {
    if (isAcknowledged) presences.set(digest, 'here');
    else if (presences.get(digest) !== 'here') presences.set(digest, 'maybe');
  }

  #delete(presences: Map<Digest, Presence>, digest: Digest, isAcknowledged: boolean): void {
    if (isAcknowledged) presences.set(digest, 'gone');
    else if (presences.get(digest) === 'here') presences.set(digest, 'maybe');
  }

  #moveTag(tag: string, to: Digest | undefined, isAcknowledged: boolean): void {
    const before = this.meaningsOf(tag) ?? new Set();
    this.#tags.set(tag, isAcknowledged ? new Set([to]) : new Set([...before, to]));
  }

  #loseMeaning(tag: string, digest: Digest, isAcknowledged: boolean): void {
    const meanings = new Set([...(this.#tags.get(tag) ?? []), undefined]);
    if (isAcknowledged) meanings.delete(digest);
    this.#tags.set(tag, meanings);
  }
}
