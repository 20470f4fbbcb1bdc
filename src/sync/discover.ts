// What is wanted, and what it means today: catalog -> selection -> digests, one repository at a time.
import type { CatalogImage } from '../catalog/catalog.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Resolution } from '../oci/repository.ts';
import type { RemoteError } from '../remote/remote-error.ts';
import type { ResolveCall } from '../remote/tag-resolver.ts';
import type { Upstream } from '../remote/upstream.ts';

/** The wanted images of one upstream repository. */
export interface WantedRepository {
  readonly repository: RepositoryName;
  readonly name: string;
  readonly images: readonly CatalogImage[];
}

/** Tags that mean the same image today, by the authority's word. */
export interface ResolvedImage {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly tags: readonly Tag[];
  readonly resolution: Resolution;
  readonly platforms: readonly Platform[];
}

/** Tags of one catalog image that could not be resolved, for one reason. */
interface UnresolvedImage {
  readonly repository: RepositoryName;
  readonly tags: readonly Tag[];
  readonly error: RemoteError;
}

export interface Discovery {
  /** Tags whose meaning was not asked for this time. */
  readonly remembered: ReadonlySet<Tag>;
  readonly images: readonly ResolvedImage[];
  readonly unresolved: readonly UnresolvedImage[];
}

export function groupByRepository(images: readonly CatalogImage[]): WantedRepository[] {
  const groups = Map.groupBy(images, ({ repository }) => repository);
  return [...groups].map(([repository, group]) => ({ repository, name: group[0]?.name ?? repository, images: group }));
}

/** Resolves all tags of a repository without a pull, and groups them by what they mean. */
export async function discover(upstream: Upstream, wanted: WantedRepository, call: ResolveCall): Promise<Discovery> {
  const { repository } = wanted;
  const tags = wanted.images.flatMap((image) => image.tags);
  const resolutions = await upstream.resolveTags(repository, tags, call);
  const images = new Map<Digest, ResolvedImage>();
  const unresolved: UnresolvedImage[] = [];
  const remembered = new Set<Tag>();
  for (const { tags, platforms } of wanted.images) {
    const failed = new Map<string, UnresolvedImage>();
    for (const tag of tags) {
      const resolution = resolutions.get(tag);
      if (resolution === undefined) throw new Error(`the upstream left ${repository}:${tag} unresolved`);
      if (resolution instanceof Error) {
        const { code } = resolution;
        const known = failed.get(code) ?? { repository, tags: [], error: resolution };
        failed.set(code, { ...known, tags: [...known.tags, tag] });
      } else {
        if (resolution.isRemembered === true) remembered.add(tag);
        const { digest } = resolution.descriptor;
        const known = images.get(digest) ?? { repository, digest, tags: [], resolution, platforms };
        images.set(digest, { ...known, tags: [...known.tags, tag] });
      }
    }
    unresolved.push(...failed.values());
  }
  return { images: [...images.values()], unresolved, remembered };
}
