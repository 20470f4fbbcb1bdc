import type { RefreshedTag } from '../http/admin/admin-subject.ts';
import type { HostedRegistry } from '../http/distribution/hosted-repository.ts';
import type { HttpRequest } from '../http/distribution/request.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import { OciError } from '../oci/errors.ts';
import { type RepositoryName, type Tag, formatReference, parseReference } from '../oci/reference.ts';
import { PulledRepository } from '../pull-through/pulled-repository.ts';
import { UpstreamFailure } from '../pull-through/upstream-failure.ts';
import { RepositoryNames, isMeant } from '../pull-through/which-repository.ts';
import type { ServedUpstream } from './served-registry.ts';

export interface RefreshOptions {
  readonly registry: HostedRegistry;
  readonly metadata: Pick<MetadataStore, 'resolveTag' | 'tagConfirmedAt'>;
  readonly upstreams: ReadonlyMap<string, ServedUpstream>;
  readonly defaultUpstream: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface StoredTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

/**
 * Asks the upstream of a reference what its tag means now, as a client does that insists: of one tag at most once in ten
 * seconds, and never while the upstream is limited. Spends no pull and fetches nothing. Throws OciError, and
 * UpstreamFailure also where an older answer would be served.
 */
export async function refreshTag(text: string, request: HttpRequest, options: RefreshOptions): Promise<RefreshedTag> {
  const { registry, metadata, upstreams, now } = options;
  const reference = parseReference(text);
  const { domain, repository: name, tag } = reference;
  if (reference.digest !== undefined || tag === undefined) {
    throw new OciError('TAG_INVALID', `"${text.slice(0, 300)}" has a digest, which never changes; name a tag`);
  }
  const repository = await registry.repository(name, { request, prefix: domain, intent: 'read' });
  if (!(repository instanceof PulledRepository)) {
    const message = `${domain}/${name} is a repository of this server itself: there is no upstream to ask`;
    throw new OciError('UNSUPPORTED', message);
  }
  const stored = { repository: storedNameOf(name, domain, options), tag };
  const before = await metadata.resolveTag(stored.repository, tag);
  const { digest, stale } = await repository.resolve(tag, { isInsistent: true, signal: request.signal });
  if (stale !== undefined) throw failureOf(upstreams.get(domain), stale.reason, now());
  const asOfMs = (await confirmedAt(stored, digest, metadata)) ?? now();
  const changed = before?.digest !== digest;
  return { reference: formatReference(reference), digest, asOf: new Date(asOfMs).toISOString(), changed };
}

/** The same rules that the registry has found it by. */
function storedNameOf(
  name: RepositoryName,
  domain: string,
  { upstreams, defaultUpstream }: RefreshOptions,
): RepositoryName {
  const claimed = [...upstreams.keys()].map((upstream) => ({ name: upstream, hosts: [] }));
  const meant = new RepositoryNames({ upstreams: claimed, defaultUpstream, serverNames: [] }).meant(name, {
    prefix: domain,
  });
  if (!isMeant(meant)) throw new OciError('NAME_UNKNOWN', meant.reason);
  return meant.stored;
}

/** When its upstream said what the tag means; `undefined` where the manifest is not here, and so the tag is not. */
async function confirmedAt(
  { repository, tag }: StoredTag,
  digest: string,
  metadata: RefreshOptions['metadata'],
): Promise<number | undefined> {
  const stored = await metadata.resolveTag(repository, tag);
  return stored?.digest === digest ? await metadata.tagConfirmedAt(repository, tag) : undefined;
}

function failureOf(served: ServedUpstream | undefined, reason: string, nowMs: number): UpstreamFailure {
  const backByMs = served?.upstream.registry.pullsBackByMs;
  const retryAfterMs = backByMs === undefined ? undefined : backByMs - nowMs;
  return new UpstreamFailure(backByMs === undefined ? 'broken' : 'limited', reason, { retryAfterMs });
}
