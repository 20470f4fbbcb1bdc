// From a job's configuration to the job: which catalog, which upstream, which targets.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { datedCatalog } from '../catalog/dated-catalog.ts';
import { hubCatalog } from '../catalog/hub-catalog.ts';
import { listCatalog } from '../catalog/list-file.ts';
import { officialImages } from '../catalog/official-images/official-images-catalog.ts';
import { registryCatalog } from '../catalog/registry-catalog.ts';
import { type ListTags, eitherOf, hubTags, registryTags } from '../catalog/tag-list.ts';
import { unionCatalog } from '../catalog/union-catalog.ts';
import { builtInAt } from '../config/built-in-upstreams.ts';
import type { CatalogConfig, SelectionConfig, SyncJobConfig, UpstreamConfig } from '../config/config.ts';
import { execLogin } from '../credentials/exec-login.ts';
import { parsePattern } from '../oci/pattern.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { HubApi } from '../remote/hub-api.ts';
import { HubLogin } from '../remote/hub-login.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import { readCatalog } from '../remote/repository-list.ts';
import { Upstream } from '../remote/upstream.ts';
import { type ImagePattern, parseImagePattern } from '../select/image-pattern.ts';
import { type Selection, selectImages } from '../select/select-images.ts';
import { VersionRanges } from '../select/version-ranges.ts';
import type { SyncJob } from '../sync/job.ts';
import { buildState } from './build-state.ts';
import type { Session } from './session.ts';

/** Throws UsageError for what cannot be read, and for what does not go together. */
export async function buildJob(config: SyncJobConfig, session: Session): Promise<SyncJob> {
  const selection = await buildSelection(config);
  const targets = await Promise.all(config.to.map((target) => session.target(target, config)));
  const upstream = upstreamOf(config.from, config.catalog, session);
  return {
    name: config.name,
    upstream,
    catalog: buildCatalog(config.catalog, config.from, session, selection),
    selection,
    targets,
    pruneAfterMs: config.pruneAfterMs,
    ...buildState(config, { session, upstream, targets, selection }),
  };
}

/**
 * The catalog, all of whose names are of `upstream`. Where the selection goes by age, it is what the catalog is asked
 * for: throws UsageError where nobody can tell.
 */
export function buildCatalog(
  config: CatalogConfig,
  upstream: string,
  session: Session,
  selection?: Selection,
): Catalog {
  const catalog = catalogOf(config, upstream, session);
  if (selection?.age === undefined) return catalog;
  const api = hubApiOf(upstream, session);
  if (api === undefined) {
    throw new UsageError(`nobody tells when tags of ${upstream} were moved, so nothing of it can be chosen by age`);
  }
  const chosen = { include: selection.include, exclude: selection.exclude, platforms: selection.platforms };
  return datedCatalog({
    catalog,
    listTags: hubTags(api),
    isWanted: (image) => selectImages([image], { ...chosen, ranges: selection.ranges }).length > 0,
  });
}

function catalogOf(config: CatalogConfig, upstream: string, session: Session): Catalog {
  switch (config.kind) {
    case 'official-images':
      return officialImages({
        repository: config.repository,
        revision: config.revision,
        cacheDirectory: path.join(session.config.dataFolder, 'git'),
        now: () => new Date(),
      });
    case 'images':
      return listCatalog({
        description: 'the images that were named',
        upstream,
        read: () => Promise.resolve({ text: config.images.join('\n'), file: config.file ?? 'images' }),
        listTags: tagsOf(upstream, config, session),
      });
    case 'file':
      return listCatalog({
        description: `the list ${config.file}`,
        upstream,
        read: async () => ({ text: await readList(config.file), file: config.file }),
        listTags: tagsOf(upstream, config, session),
      });
    case 'hub': {
      const api = hubApiOf(upstream, session);
      if (api !== undefined) return hubCatalog({ namespace: config.namespace, upstream, api });
      throw new UsageError(`${upstream} has no web API, so its namespace ${config.namespace} cannot be listed`);
    }
    case 'registry':
      return buildRegistryCatalog(config, upstream, session);
    case 'union': {
      const [first, ...others] = config.catalogs.map((part) => catalogOf(part, upstream, session));
      if (first === undefined) throw new UsageError('a list of catalogs is empty; name one');
      return unionCatalog([first, ...others]);
    }
  }
}

function buildRegistryCatalog(
  { endpoint, repositories }: CatalogConfig & { readonly kind: 'registry' },
  upstream: string,
  session: Session,
): Catalog {
  const { registry } = upstreamAt(endpoint, session);
  return registryCatalog({
    host: registry.name,
    upstream,
    repositories: repositories.map(parsePattern),
    listRepositories: (call) => readCatalog(registry, call),
    repositoryOf: (name) => registry.repository(name),
  });
}

type RegistryConfig = (CatalogConfig & { readonly kind: 'registry' })['endpoint'];

/** A configured upstream, or a registry that the catalog lists and is copied from. Throws UsageError for any other name. */
function upstreamOf(name: string, catalog: CatalogConfig, session: Session): Upstream {
  const parts = catalog.kind === 'union' ? catalog.catalogs : [catalog];
  const listed = parts.find((part) => part.kind === 'registry' && new URL(part.endpoint.url).host === name);
  const isKnown = session.config.upstreams.has(name);
  return !isKnown && listed?.kind === 'registry' ? upstreamAt(listed.endpoint, session) : session.upstream(name);
}

function upstreamAt(endpoint: RegistryConfig, session: Session): Upstream {
  const configured = session.config.upstreams.values().find(({ url }) => url === endpoint.url);
  if (configured !== undefined) return session.upstream(configured.name);
  const registry: RemoteRegistry = session.registry(endpoint);
  return new Upstream({ name: registry.name, registry });
}

/** The tags of any repository of the upstream: the web API tells more of them, where there is one that shows them. */
function tagsOf(upstream: string, catalog: CatalogConfig, session: Session): ListTags {
  const api = hubApiOf(upstream, session);
  const registry = registryTags((name) => upstreamOf(upstream, catalog, session).authority(name));
  return api === undefined ? registry : eitherOf(hubTags(api), registry);
}

/** The upstream's web API with our login; one that is waited for, as only it can list what is listed here. */
function hubApiOf(upstream: string, session: Session): HubApi | undefined {
  const config = session.config.upstreams.get(upstream);
  if (config?.hubApi === undefined) return undefined;
  const { network } = session;
  const { traffic } = session.upstream(upstream).registry;
  const connection = { url: new URL(config.hubApi), network, traffic };
  const login = maySeeLogin(config)
    ? new HubLogin({ ...connection, credentials: () => loginOf(config, session) })
    : undefined;
  return new HubApi({ ...connection, login, isPatient: true });
}

/** The web API is another origin than the registry: only Docker's own, or one that is listed, sees the login. */
function maySeeLogin({ url, hubApi, realms }: UpstreamConfig): boolean {
  if (hubApi === undefined) return false;
  const trusted = [builtInAt(url)?.hubApi, url, ...realms].filter((address) => address !== undefined);
  return trusted.some((address) => normal(address) === normal(hubApi));
}

function normal(url: string): string {
  return URL.parse(url)?.href.replace(/\/$/, '') ?? url;
}

async function loginOf(
  { url, credentials }: Pick<UpstreamConfig, 'url' | 'credentials'>,
  session: Session,
): Promise<Credentials | undefined> {
  const { host } = new URL(url);
  if (credentials === 'anonymous') return undefined;
  if (credentials !== undefined && 'exec' in credentials) return await execLogin(credentials, host);
  return credentials ?? (await session.credentials.find(host));
}

/** How a job, or the flags of a command, choose. */
export type SelectionSettings = Pick<SyncJobConfig, 'include' | 'exclude' | 'platforms'> &
  Partial<Pick<SyncJobConfig, 'semver' | 'latestPatch' | 'newest' | 'minAgeMs' | 'maxAgeMs'>>;

/** Throws UsageError for a list that cannot be read, and for what is no pattern, no expression or no range. */
export async function buildSelection(settings: SelectionSettings): Promise<Selection> {
  const { include, exclude, platforms, semver, latestPatch, newest, minAgeMs = 0, maxAgeMs = Infinity } = settings;
  const hasRange = semver !== undefined && (semver.range !== undefined || semver.byName.size > 0);
  const hasAge = minAgeMs > 0 || maxAgeMs !== Infinity;
  return {
    include: await readPatterns(include),
    exclude: await readPatterns(exclude),
    platforms: platforms === 'all' ? [] : platforms,
    ranges: hasRange ? new VersionRanges(semver) : undefined,
    isLatestPatchOnly: latestPatch,
    newest,
    age: hasAge ? { minMs: minAgeMs, maxMs: maxAgeMs, nowMs: Date.now() } : undefined,
  };
}

async function readPatterns({ patterns, files }: SelectionConfig): Promise<ImagePattern[]> {
  const lists = await Promise.all(files.map(readList));
  const lines = lists.flatMap((list) => list.split(/\r?\n/).map((line) => line.trim()));
  return [...patterns, ...lines.filter((line) => line !== '' && !line.startsWith('#'))].map(parseImagePattern);
}

async function readList(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the list ${file} cannot be read: ${(error as Error).message}`);
  }
}
