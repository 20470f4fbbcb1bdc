// From places to mirrors that can be asked. Each keeps the login of its own host, and sees none of the authority's.
import type { Config } from '../config/config.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call, ListsTags, Source } from '../oci/repository.ts';
import { readCatalog } from '../remote/repository-list.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import { StoredTargets } from '../store/stored-target.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import type { MirrorPlace } from '../verify/mirror-places.ts';
import { mirrorSource } from '../verify/mirror-source.ts';
import { nameThere } from '../verify/names-there.ts';
import type { VerifiedMirror } from '../verify/verification.ts';
import { folderOf } from '../pull-through/which-repository.ts';
import type { Session } from './session.ts';

/** A mirror, and what it has. */
export interface OpenMirror extends Pick<VerifiedMirror, 'name' | 'repository'> {
  /** Of the upstream's names there: oci/template.ts. */
  readonly templateFor: (upstream: string) => string;
  /** Names as they are there, that may be names of an upstream. */
  listRepositories(call: Call): Promise<readonly string[]>;
  /** `name` as it is there. */
  tagsOf(name: RepositoryName): ListsTags;
  /** Repositories that only our login may read are not named to it. */
  readonly isForPublic: boolean;
  /** A registry, and not our own store. */
  readonly registry?: RemoteRegistry | undefined;
}

/**
 * The configuration with these mirrors, and no others, at every upstream: a session of it asks them as mirrors are asked,
 * with little patience and the login of their own host.
 */
export function withMirrors(config: Config, places: readonly MirrorPlace[]): Config {
  const mirrors = places.flatMap((place) => (place.kind === 'registry' ? [place.mirror] : []));
  const upstreams = [...config.upstreams].map(([name, upstream]) => [name, { ...upstream, mirrors }] as const);
  return { ...config, upstreams: new Map(upstreams) };
}

/** In the order of the places. `session` is of `withMirrors`. */
export async function openMirrors(places: readonly MirrorPlace[], session: Session): Promise<readonly OpenMirror[]> {
  const registries = places.filter(({ kind }) => kind === 'registry');
  return await Promise.all(
    places.map(async (place) => {
      switch (place.kind) {
        case 'store':
          return await storeMirror(place.name, session);
        case 'upstream':
          return registryMirror(place.name, session.upstream(place.upstream).registry, place.template);
        case 'registry':
          return configuredMirror(place, registries.indexOf(place), session);
      }
    }),
  );
}

function configuredMirror(place: MirrorPlace & { kind: 'registry' }, at: number, session: Session): OpenMirror {
  const { name, mirror } = place;
  const of = (upstream: string) => {
    const found = session.upstream(upstream).mirrors[at];
    if (found === undefined) throw new Error(`the session has no mirror ${name}`);
    return found;
  };
  const [anyUpstream = ''] = session.config.upstreams.keys();
  return {
    ...registryMirror(name, of(anyUpstream).registry, mirror.repository),
    isForPublic: place.isForPublic,
    repository(upstream, repository) {
      const there = of(upstream).repository(upstream, repository);
      return there && mirrorSource(there);
    },
  };
}

function registryMirror(name: string, registry: RemoteRegistry, template: string): OpenMirror {
  return {
    name,
    registry,
    isForPublic: false,
    repository: (upstream, repository) => mirrorSource(registry.repository(nameThere(template, upstream, repository))),
    templateFor: () => template,
    listRepositories: (call) => readCatalog(registry, call),
    tagsOf: (there) => registry.repository(there),
  };
}

async function storeMirror(name: string, session: Session): Promise<OpenMirror> {
  const store = await session.store();
  const stored = new StoredTargets(store);
  const templateFor = (upstream: string) =>
    upstream === session.config.defaultUpstream ? '{repository}' : `${folderOf(upstream)}/{repository}`;
  return {
    name,
    isForPublic: false,
    repository: (upstream, repository) =>
      storedSource(stored.repository(nameThere(templateFor(upstream), upstream, repository))),
    templateFor,
    async listRepositories() {
      const names = await stored.listRepositories();
      // What was pushed here is nobody else's to know of.
      const foreign: RepositoryName[] = [];
      for (const repository of names) if (!(await store.metadata.holdsPushed(repository))) foreign.push(repository);
      return foreign;
    },
    tagsOf: (there) => stored.repository(there),
  };
}

/** The store hashed what it took, and gives what its disk made of it. */
function storedSource(stored: Source): Source {
  return {
    resolve: (reference) => stored.resolve(reference),
    manifest: (digest) => stored.manifest(digest),
    statBlob: (digest) => stored.statBlob(digest),
    async blob(digest) {
      const { sizeBytes, body } = await stored.blob(digest);
      return { sizeBytes, body: verifyDigest(body, { digest, sizeBytes }) };
    },
  };
}
