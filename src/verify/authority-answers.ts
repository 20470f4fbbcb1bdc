// What the authority says of each repository, asked once for all mirrors, and forgotten when the last of them has it.
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call, Resolution, Source } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Resolutions } from '../remote/tag-resolver.ts';
import { findingOf, isLasting } from './findings.ts';
import type { PastMeaning } from './staleness.ts';

/** The owner of names: `Upstream` is one. */
export interface Authority {
  /** `docker.io`. */
  readonly name: string;
  resolveTags(repository: RepositoryName, tags: readonly Tag[], call: Call): Promise<Resolutions>;
  authority(repository: RepositoryName): Pick<Source, 'resolve'>;
}

/** Tags of one repository that are to be compared. */
export interface WantedTags {
  readonly authority: Authority;
  readonly repository: RepositoryName;
  readonly tags: readonly Tag[];
}

/** What is known of what a tag meant. */
export type PastOf = (tag: Tag) => Promise<readonly PastMeaning[]>;

/** What tags meant to an authority. Asked before the authority is, as asking may overwrite what was remembered. */
export interface TagHistory {
  pastOf(wanted: WantedTags): Promise<PastOf>;
}

/** All that is known of a repository. */
export interface KnownRepository {
  readonly resolutions: Resolutions;
  readonly pastOf: PastOf;
  /** The tags that mean a digest today. */
  readonly tagsOf: ReadonlyMap<Digest, Tag>;
  /** What a digest is at the authority, `null` when it has none, `undefined` when it does not say. Never throws. */
  lookUp(digest: Digest): Promise<Descriptor | null | undefined>;
}

export interface AuthorityAnswersOptions extends Call {
  readonly history?: TagHistory | undefined;
  /** Whether the platforms that a web API lists will be looked at. */
  readonly keepsParts: boolean;
  /** How many will take each answer. */
  readonly readers: number;
  readonly onKnown: (wanted: WantedTags, known: KnownRepository) => void;
}

export class AuthorityAnswers {
  readonly #options: AuthorityAnswersOptions;
  readonly #asked = new Map<WantedTags, { readonly known: Promise<KnownRepository>; readersLeft: number }>();
  /** Why an authority gave no answer to the first question of all. */
  readonly #outages = new Map<Authority, Promise<RemoteError | undefined>>();

  constructor(options: AuthorityAnswersOptions) {
    this.#options = options;
  }

  /** Begins to ask, for somebody who will `take` the answer. */
  begin(wanted: WantedTags): void {
    if (this.#asked.has(wanted)) return;
    const known = this.#ask(wanted);
    known.catch(() => undefined);
    this.#asked.set(wanted, { known, readersLeft: this.#options.readers });
  }

  /** Each reader takes each answer once. */
  async take(wanted: WantedTags): Promise<KnownRepository> {
    this.begin(wanted);
    const asked = this.#asked.get(wanted);
    if (asked === undefined) throw new Error('an answer was taken more often than there are readers');
    asked.readersLeft -= 1;
    if (asked.readersLeft === 0) this.#asked.delete(wanted);
    return await asked.known;
  }

  async #ask(wanted: WantedTags): Promise<KnownRepository> {
    const { history, keepsParts, signal, onKnown } = this.#options;
    const { authority, repository } = wanted;
    const pastOf = (await history?.pastOf(wanted)) ?? (() => Promise.resolve([]));
    const answers = await this.#resolve(wanted);
    const resolutions = keepsParts ? answers : new Map([...answers].map(([tag, one]) => [tag, withoutParts(one)]));
    const tagsOf = new Map<Digest, Tag>();
    for (const [tag, one] of resolutions) if (!(one instanceof Error)) tagsOf.set(one.descriptor.digest, tag);
    const looked = new Map<Digest, Promise<Descriptor | null | undefined>>();
    const known: KnownRepository = {
      resolutions,
      pastOf,
      tagsOf,
      lookUp(digest) {
        const answer = looked.get(digest) ?? lookUp(authority.authority(repository), digest, { signal });
        looked.set(digest, answer);
        return answer;
      },
    };
    onKnown(wanted, known);
    return known;
  }

  // One that is down is asked for one tag, and not for thousands.
  async #resolve(wanted: WantedTags): Promise<Resolutions> {
    const { authority, repository, tags } = wanted;
    const outage = this.#outages.get(authority) ?? this.#tryAuthority(wanted);
    this.#outages.set(authority, outage);
    const error = await outage;
    if (error !== undefined) return new Map(tags.map((tag) => [tag, error]));
    return await authority.resolveTags(repository, tags, { signal: this.#options.signal });
  }

  async #tryAuthority({ authority, repository, tags }: WantedTags): Promise<RemoteError | undefined> {
    const answers = await authority.resolveTags(repository, tags.slice(0, 1), { signal: this.#options.signal });
    const [answer] = answers.values();
    const isDown = answer instanceof Error && isLasting(answer) && findingOf(answer).finding === 'unreachable';
    return isDown ? answer : undefined;
  }
}

function withoutParts(one: Resolution | RemoteError): Resolution | RemoteError {
  return one instanceof Error ? one : { descriptor: one.descriptor, asOf: one.asOf };
}

async function lookUp(source: Pick<Source, 'resolve'>, digest: Digest, call: Call) {
  try {
    return (await source.resolve(digest, call)).descriptor;
  } catch (error) {
    call.signal?.throwIfAborted();
    if (isNotFound(error)) return null;
    if (!(error instanceof RemoteError)) throw error;
    return undefined;
  }
}
