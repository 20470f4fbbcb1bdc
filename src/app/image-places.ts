// Registries, the store and image layouts under one shape: places that hold repositories.
import path from 'node:path';
import { LayoutRepository } from '../archive/layout-repository.ts';
import type { ReferrerLists } from '../copy/copy-referrers.ts';
import type { EndpointConfig } from '../config/config.ts';
import type { ImageLocation } from '../config/image-location.ts';
import type { Digest } from '../oci/digest.ts';
import {
  DOCKER_HUB,
  type RepositoryName,
  type Tag,
  familiarName,
  isRepositoryName,
  parseRepositoryName,
} from '../oci/reference.ts';
import type { Call, DeletesTags, ListsTags, Source, Target } from '../oci/repository.ts';
import type { TemplateValues } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';
import { askReferrers } from '../remote/referrers.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import { readCatalog } from '../remote/repository-list.ts';
import type { Upstream } from '../remote/upstream.ts';
import { StoredTargets } from '../store/stored-target.ts';
import { layoutReferrers } from './image-layout-referrers.ts';
import type { Session } from './session.ts';

export interface PlaceRepository {
  /** Under which the place's other repositories can mount from it. */
  readonly name: RepositoryName;
  readonly target: Target & ListsTags & DeletesTags & { tryToPush?(call?: Call): Promise<void> };
  /** The same content by digest, from wherever it costs least. */
  readonly source: Source;
  /** What refers to its manifests. Absent where nothing but the manifests themselves tells. */
  readonly referrers?: ReferrerLists | undefined;
}

export interface ImagePlace {
  /** Two with one address are one place. */
  readonly address: string;
  /** What stands before names in messages: `store:`, `reg.example.com/`. */
  readonly prefix: string;
  /** Whether what is read there comes over the network. */
  readonly isRemote?: boolean | undefined;
  /** Whether its repositories do: oci/repository.ts. */
  readonly keepsSparseIndexes?: boolean | undefined;
  /** The configured upstream that it is. */
  readonly upstream?: Upstream | undefined;
  /** How people write it: `nginx`, `reg.example.com/app`, `store:library/nginx`. */
  describe(repository: string): string;
  /** What name templates may say of a repository; `undefined` where repositories have no names. */
  values(repository: RepositoryName): Omit<TemplateValues, 'tag'> | undefined;
  repository(name: RepositoryName): PlaceRepository;
  /** Throws UsageError where a registry does not say. */
  listRepositories(call: Call): Promise<readonly RepositoryName[]>;
}

export interface ImagePlacesOptions {
  readonly session: Session;
  /** What a person wrote of a registry, with or without a scheme, as an endpoint. Throws UsageError. */
  readonly endpointOf: (registry: string) => EndpointConfig;
  /** From a path as a person wrote it. */
  readonly resolvePath: (relative: string) => string;
}

/** A layout is one repository, whatever its images are called. */
export const LAYOUT_NAME = parseRepositoryName('layout');

/** Opens each place once, so that what is known of it is shared. The session closes them. */
export class ImagePlaces {
  readonly #options: ImagePlacesOptions;
  readonly #registries = new Map<string, ImagePlace>();

  constructor(options: ImagePlacesOptions) {
    this.#options = options;
  }

  async open(location: ImageLocation & { kind: 'registry' | 'store' }): Promise<ImagePlace> {
    return location.kind === 'store' ? await this.store() : this.registry(location.registry);
  }

  registry(written: string): ImagePlace {
    const place = this.#registries.get(written) ?? this.#openRegistry(written);
    this.#registries.set(written, place);
    return place;
  }

  /** `upstream`: whose content is put there; what is put without one counts as pushed. */
  async store(upstream?: string): Promise<ImagePlace> {
    const store = await this.#options.session.store();
    const targets = new StoredTargets({ ...store, upstream });
    return {
      address: 'store:',
      prefix: 'store:',
      keepsSparseIndexes: targets.keepsSparseIndexes,
      describe: (repository) => `store:${repository}`,
      values: (repository) => ({ repository, name: repository }),
      repository: (name) => ({
        ...asPlaced(name, targets.repository(name)),
        referrers: { list: (subject) => Array.fromAsync(store.registry.repository(name).referrers(subject, {})) },
      }),
      listRepositories: () => targets.listRepositories(),
    };
  }

  async layout(folder: string, options: { readonly mayCreate?: boolean } = {}): Promise<ImagePlace> {
    const { session, resolvePath } = this.#options;
    const absolute = resolvePath(folder);
    const clock = { now: () => session.network.clock.now() };
    const layout =
      options.mayCreate === true
        ? await LayoutRepository.openOrCreate(absolute, clock)
        : await LayoutRepository.open(absolute, clock);
    return layoutPlace(layout, `oci:${folder}`, absolute);
  }

  #openRegistry(written: string): ImagePlace {
    const { session, endpointOf } = this.#options;
    const isUpstream = session.config.upstreams.has(written);
    const upstream = isUpstream ? session.upstream(written) : undefined;
    const registry = upstream?.registry ?? session.registry(endpointOf(written), nameOf(written));
    return registryPlace(written, registry, upstream);
  }
}

/** A layout, or what was unpacked into one, as a place. */
export function layoutPlace(layout: LayoutRepository, text: string, folder: string): ImagePlace {
  return {
    address: `oci:${path.resolve(folder)}`,
    prefix: text,
    describe: () => text,
    values: () => undefined,
    repository: (name) => ({
      ...asPlaced(name, layout),
      referrers: { list: (subject) => layoutReferrers(layout, subject) },
    }),
    listRepositories: () => Promise.resolve([LAYOUT_NAME]),
  };
}

/** `:1.27`, or the digest of what has no tag. */
export function suffixOf({ tag, digest }: TagAndDigest): string {
  if (tag !== undefined) return `:${tag}`;
  return digest === undefined ? '' : `@${digest}`;
}

interface TagAndDigest {
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
}

function registryPlace(written: string, registry: RemoteRegistry, upstream: Upstream | undefined): ImagePlace {
  const domain = nameOf(written);
  const describe = (repository: string) =>
    domain === DOCKER_HUB ? familiarName(domain, parseRepositoryName(repository)) : `${written}/${repository}`;
  return {
    address: registry.url.origin,
    prefix: `${written}/`,
    isRemote: true,
    upstream,
    describe,
    // A registry that is no upstream of ours is where things happen to be: its name is not a part of theirs.
    values: (repository) => ({
      repository,
      name: upstream === undefined ? repository : familiarName(domain, repository),
      upstream: domain,
    }),
    repository(name) {
      const target = upstream?.authority(name) ?? registry.repository(name);
      return {
        name: target.name,
        target,
        source: upstream?.repository(name) ?? target,
        referrers: { list: (subject, call) => askReferrers(target, subject, call) },
      };
    },
    async listRepositories(call) {
      try {
        return (await readCatalog(registry, call)).filter(isRepositoryName);
      } catch (error) {
        if (!(error instanceof RemoteError) || ![401, 403, 404, 405].includes(error.status ?? 0)) throw error;
        const why = `${written} does not list its repositories to us (${error.message})`;
        throw new UsageError(`${why}; name them, such as ${written}/NAME:*`, { cause: error });
      }
    },
  };
}

function asPlaced(name: RepositoryName, target: PlaceRepository['target']): PlaceRepository {
  return { name, target, source: target };
}

function nameOf(written: string): string {
  return written.replace(/^https?:\/\//, '');
}
