// From a list of mirrors to what each of them is worth today.
import { forEach } from '../async/for-each.ts';
import { systemClock } from '../async/clock.ts';
import { type RepositoryName, type Tag, familiarName, parseReference, parseRepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { expandTemplate } from '../oci/template.ts';
import type { ProbedMirror } from '../verify/probe/mirror-list.ts';
import { type ProbeResult, type ProbeTag, probeMirror } from '../verify/probe/probe-mirror.ts';
import type { Session } from './session.ts';

export interface ProbeMirrorsOptions extends Call {
  readonly mirrors: readonly ProbedMirror[];
  /** By upstream: `library/nginx:latest`. */
  readonly images: Readonly<Record<string, readonly string[]>>;
  readonly onProbed?: ((mirror: ProbedMirror & ProbeResult) => void) | undefined;
}

const MIRRORS_AT_ONCE = 8;

/** In the order of the list. Each mirror is asked as nobody in particular: no login of ours leaves. */
export async function probeMirrors(
  session: Session,
  { mirrors, images, onProbed, signal }: ProbeMirrorsOptions,
): Promise<readonly (ProbedMirror & ProbeResult)[]> {
  const tags = new Map<string, Promise<readonly ProbeTag[]>>();
  const tagsOf = (upstream: string) => {
    const asked = tags.get(upstream) ?? askAuthority(session, upstream, images[upstream] ?? [], { signal });
    tags.set(upstream, asked);
    return asked;
  };
  const results = new Map<ProbedMirror, ProbedMirror & ProbeResult>();
  await forEach(mirrors, MIRRORS_AT_ONCE, async (mirror) => {
    const { upstream, url, repository: template } = mirror;
    const registry = session.registry({ url, realms: [], insecure: false, credentials: 'anonymous' }, url);
    const repository = (name: RepositoryName) => {
      const values = { repository: name, name: familiarName(upstream, name), upstream };
      return registry.repository(parseRepositoryName(expandTemplate(template, values)));
    };
    const probed = await probeMirror({ repository, tags: await tagsOf(upstream), clock: systemClock, signal });
    results.set(mirror, { ...mirror, ...probed });
    onProbed?.({ ...mirror, ...probed });
  });
  return mirrors.flatMap((mirror) => results.get(mirror) ?? []);
}

/** What the tags mean today, without a pull. Where their owner does not say, a mirror's freshness is not known. */
async function askAuthority(
  session: Session,
  upstream: string,
  images: readonly string[],
  call: Call,
): Promise<readonly ProbeTag[]> {
  const wanted = images.map((image) => {
    const { repository, tag } = parseReference(upstream === 'docker.io' ? image : `${upstream}/${image}`);
    return { repository, tag: tag as Tag };
  });
  if (!session.config.upstreams.has(upstream)) return wanted.map((each) => ({ ...each, digest: undefined }));
  return await Promise.all(
    wanted.map(async ({ repository, tag }) => {
      const found = await session.upstream(upstream).resolveTags(repository, [tag], call);
      const meaning = found.get(tag);
      const digest = meaning === undefined || meaning instanceof Error ? undefined : meaning.descriptor.digest;
      return { repository, tag, digest };
    }),
  );
}
