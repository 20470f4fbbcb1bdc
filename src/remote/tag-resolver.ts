// What tags mean, asked of their owner without a pull: pages of the web API for as long as they pay, and HEAD for the
// rest. What did not change since the last time is not asked for again.
import { forEach } from '../async/for-each.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call, Resolution } from '../oci/repository.ts';
import type { HubApi, HubTag } from './hub-api.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRepository } from './remote-repository.ts';
import type { RememberedTag, RememberedTags, TagMemory } from './tag-memory.ts';
import { type Sweep, sweepTags } from './tag-sweep.ts';

/** What asking for each tag gave: what it means, or why that is not known. */
export type Resolutions = ReadonlyMap<Tag, Resolution | RemoteError>;

export interface ResolveCall extends Call {
  /** Nothing that is remembered is believed. */
  readonly isAnew?: boolean | undefined;
  /** Instead of the upstream's own. */
  readonly memory?: TagMemory | undefined;
}

export interface TagResolverOptions {
  readonly authority: RemoteRepository;
  /** The repository as the web API names it. */
  readonly name: RepositoryName;
  readonly hubApi: HubApi | undefined;
  readonly memory: TagMemory | undefined;
}

const HEADS_AT_ONCE = 32;
const NOTHING: RememberedTags = { tags: new Map(), unchangedBeforeMs: -Infinity, version: 0 };

/** Throws only when the signal aborts. A tag that is not there gives an error with status 404. */
export async function resolveTags(
  { authority, name, hubApi, memory }: TagResolverOptions,
  wanted: readonly Tag[],
  call: ResolveCall,
): Promise<Resolutions> {
  const recalled = (hubApi && memory?.recall(name)) ?? NOTHING;
  const remembered = call.isAnew === true ? { ...NOTHING, version: recalled.version } : recalled;
  const asked = hubApi && (await askApi(hubApi, name, wanted, remembered, call));
  const asOf = new Date(authority.registry.network.clock.now());
  const found = new Map<Tag, Resolution | RemoteError>();
  for (const tag of wanted) {
    const resolution = fromSweep(tag, asked?.sweep, remembered);
    if (resolution !== undefined) found.set(tag, { ...resolution, asOf });
  }
  const left = wanted.filter((tag) => !found.has(tag));
  await forEach(left, HEADS_AT_ONCE, async (tag) => {
    try {
      found.set(tag, await authority.resolve(tag, call));
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!(error instanceof RemoteError)) throw error;
      found.set(tag, asked?.isUnknown === true && error.code === 'DENIED' ? missing(authority, tag) : error);
    }
  });
  if (asked?.sweep?.newestMs !== undefined) {
    const tags = news(asked.sweep, found, remembered);
    await memory?.remember(name, remembered, { tags, unchangedBeforeMs: asked.sweep.newestMs });
  }
  return found;
}

/** Whatever ails the API, HEAD answers the same question. */
async function askApi(
  hubApi: HubApi,
  name: RepositoryName,
  wanted: readonly Tag[],
  remembered: RememberedTags,
  call: Call,
): Promise<{ readonly sweep?: Sweep; readonly isUnknown?: boolean }> {
  try {
    return { sweep: await sweepTags(hubApi.tags(name, call), wanted, remembered) };
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    return { isUnknown: error.status === 404 };
  }
}

function fromSweep(tag: Tag, sweep: Sweep | undefined, { tags }: RememberedTags): Omit<Resolution, 'asOf'> | undefined {
  const known = tags.get(tag);
  if (sweep?.unchanged.has(tag) === true && known !== undefined) {
    return { descriptor: descriptorOf(known.digest), isRemembered: true };
  }
  const listed = sweep?.listed.get(tag);
  const digest = listed && digestOf(listed, known);
  const isRemembered = listed?.digest === undefined;
  return digest && { descriptor: descriptorOf(digest, listed.mediaType), parts: listed.parts, isRemembered };
}

// Some old tags are listed without a digest; the one that was found otherwise holds until the tag is moved.
function digestOf({ digest, updatedAt }: HubTag, known: RememberedTag | undefined): Digest | undefined {
  return digest ?? (updatedAt !== undefined && known?.updatedAt === updatedAt ? known.digest : undefined);
}

function descriptorOf(digest: Digest, mediaType: string = MEDIA_TYPES.ociIndex) {
  return { mediaType, digest, size: 0 };
}

function news({ listed }: Sweep, found: Resolutions, { tags }: RememberedTags): Map<Tag, RememberedTag | undefined> {
  const learnt = new Map<Tag, RememberedTag | undefined>();
  const learn = (tag: Tag, digest: Digest | undefined, updatedAt: string | undefined) => {
    const known = tags.get(tag);
    if (known?.digest === digest && known?.updatedAt === updatedAt) return;
    learnt.set(tag, digest && { digest, updatedAt });
  };
  for (const [tag, one] of listed) learn(tag, digestOf(one, tags.get(tag)), one.updatedAt);
  for (const [tag, one] of found) {
    const digest = one instanceof Error ? undefined : one.descriptor.digest;
    if (digest !== undefined || tags.has(tag))
      learn(tag, digest, listed.get(tag)?.updatedAt ?? tags.get(tag)?.updatedAt);
  }
  return learnt;
}

// The registry does not tell a missing repository from a private one, but the web API knows none either.
function missing({ registry, name }: RemoteRepository, tag: Tag): RemoteError {
  return new RemoteError(registry.host, 'NAME_UNKNOWN', `has no repository ${name}, so no tag ${tag}`, { status: 404 });
}
