import type {
  CatalogConfig,
  Config,
  ScheduleConfig,
  SelectionConfig,
  SemverConfig,
  SyncJobConfig,
  TargetConfig,
} from './config.ts';
import { closest } from './did-you-mean.ts';
import { type ResolveContext, resolveEndpoint } from './resolve-endpoint.ts';
import { parseSchedule } from './schedule.ts';
import type { Path } from './value-path.ts';
import {
  type CatalogInput,
  type CatalogsInput,
  type SelectionInput,
  type SyncJobInput,
  type TargetInput,
  targetSettingsSchema,
} from './sync-schema.ts';

type Surroundings = Pick<Config, 'upstreams' | 'defaultUpstream'>;

export function resolveJobs(
  inputs: readonly SyncJobInput[],
  surroundings: Surroundings,
  context: ResolveContext,
): SyncJobConfig[] {
  const names = new Set<string>();
  return inputs.map((input, index) => {
    const at = ['sync', index];
    if (names.has(input.name)) context.report([...at, 'name'], 'another job has this name; give each its own');
    names.add(input.name);
    return resolveJob(input, at, surroundings, context);
  });
}

function resolveJob(input: SyncJobInput, at: Path, surroundings: Surroundings, context: ResolveContext): SyncJobConfig {
  const catalog = resolveCatalogs(input.catalog, [...at, 'catalog'], context);
  const job: SyncJobConfig = {
    name: input.name,
    from: resolveFrom(input.from, catalog, [...at, 'from'], surroundings, context),
    catalog,
    include: resolveSelection(input.include, context),
    exclude: resolveSelection(input.exclude, context),
    semver: resolveSemver(input.semver),
    latestPatch: input.latestPatch,
    newest: input.newest,
    minAgeMs: input.minAge,
    maxAgeMs: input.maxAge,
    platforms: input.platforms,
    to: resolveTargets(input.to, [...at, 'to'], context),
    pruneAfterMs: input.prune,
    state: input.state,
    schedule: resolveSchedule(input, at, context),
  };
  const upstream = surroundings.upstreams.get(job.from);
  for (const [index, part] of catalogsOf(catalog).entries()) {
    if (part.kind !== 'hub' || upstream === undefined || upstream.hubApi !== undefined) continue;
    const where = [...at, 'catalog', ...(Array.isArray(input.catalog) ? [index] : []), 'hub'];
    context.report(where, `the upstream ${job.from} has no hubApi, which this catalog needs`, 'key');
  }
  if (job.minAgeMs > job.maxAgeMs) {
    context.report([...at, 'maxAge'], 'nothing is younger than maxAge and older than minAge, which is longer');
  }
  if (job.state === 'target' && job.to.every(({ kind }) => kind === 'store')) {
    context.report([...at, 'state'], 'the store keeps no state for others; write data, or add a registry to "to"');
  }
  if (job.state === 'target' && job.pruneAfterMs !== Infinity) {
    context.report([...at, 'prune'], 'what is deleted cannot be left to a state that others may change; write never');
  }
  return job;
}

function resolveSchedule(
  { schedule: cron, timeZone, jitter: jitterMs }: SyncJobInput,
  at: Path,
  context: ResolveContext,
): ScheduleConfig | undefined {
  if (cron === undefined) return undefined;
  const schedule = parseSchedule(cron, timeZone);
  if (typeof schedule === 'string') context.report([...at, 'schedule'], schedule);
  return { cron, timeZone, jitterMs };
}

function resolveFrom(
  from: string | undefined,
  catalog: CatalogConfig,
  at: Path,
  { upstreams, defaultUpstream }: Surroundings,
  context: ResolveContext,
): string {
  const listed = from === undefined ? registryOf(catalog, upstreams, at, context) : undefined;
  if (listed !== undefined) return listed;
  const name = from ?? defaultUpstream;
  if (name !== undefined && upstreams.has(name)) return name;
  context.report(at, `expected the name of an upstream (${namesOf(upstreams, name)})`);
  return name ?? '';
}

/** Where registries are listed, what they list is copied from them: the upstream that it is, or else the host itself. */
function registryOf(
  catalog: CatalogConfig,
  upstreams: Config['upstreams'],
  at: Path,
  context: ResolveContext,
): string | undefined {
  const registries = catalogsOf(catalog).filter((part) => part.kind === 'registry');
  const names = new Set(
    registries.map(({ endpoint: { url } }) => {
      const upstream = upstreams.values().find((candidate) => candidate.url === url);
      return upstream?.name ?? new URL(url).host;
    }),
  );
  const isMixed = names.size > 1 || (names.size === 1 && registries.length < catalogsOf(catalog).length);
  if (isMixed) context.report(at, 'these catalogs are of several registries; say which one the names are of', 'key');
  return names.values().next().value;
}

/** The members of a union, or the catalog itself. */
function catalogsOf(catalog: CatalogConfig): readonly CatalogConfig[] {
  return catalog.kind === 'union' ? catalog.catalogs : [catalog];
}

/** For the end of a sentence: what the name may have been meant to be. */
export function namesOf(upstreams: Config['upstreams'], name = ''): string {
  const near = closest(name, upstreams.keys());
  if (near !== undefined) return `did you mean "${near}"?`;
  return upstreams.size === 0 ? 'there is none' : `there are ${[...upstreams.keys()].join(', ')}`;
}

function resolveCatalogs(input: CatalogsInput, at: Path, context: ResolveContext): CatalogConfig {
  if (!Array.isArray(input)) return resolveCatalog(input, at, context);
  return { kind: 'union', catalogs: input.map((part, index) => resolveCatalog(part, [...at, index], context)) };
}

function resolveCatalog(input: CatalogInput, at: Path, context: ResolveContext): CatalogConfig {
  const { officialImages, hub, file, images, registry } = input;
  if (officialImages !== undefined) {
    const { repository, revision } = officialImages;
    return { kind: 'official-images', repository: resolveGitUrl(repository, context), revision };
  }
  if (hub !== undefined) return { kind: 'hub', namespace: hub.namespace };
  if (file !== undefined) return { kind: 'file', file: context.resolvePath(file) };
  if (registry !== undefined) {
    const endpoint = resolveEndpoint(registry.url, registry, [...at, 'registry'], context);
    return { kind: 'registry', endpoint, repositories: registry.repositories };
  }
  return { kind: 'images', images: images ?? [] };
}

// git's own rule: a colon before the first slash is `host:path`, and not a path here.
function resolveGitUrl(repository: string, context: ResolveContext): string {
  return /^[^/]+:/.test(repository) ? repository : context.resolvePath(repository);
}

function resolveSelection(input: SelectionInput, context: ResolveContext): SelectionConfig {
  const parts = Array.isArray(input) ? input : [input];
  return {
    patterns: parts.filter((part) => typeof part === 'string'),
    files: parts.filter((part) => typeof part !== 'string').map(({ file }) => context.resolvePath(file)),
  };
}

function resolveSemver(input: SyncJobInput['semver']): SemverConfig {
  if (typeof input === 'string') return { range: input, byName: new Map() };
  return { byName: new Map(Object.entries(input ?? {})) };
}

function resolveTargets(input: SyncJobInput['to'], at: Path, context: ResolveContext): TargetConfig[] {
  if (!Array.isArray(input)) return [resolveTarget(input, at, context)];
  return input.map((target, index) => resolveTarget(target, [...at, index], context));
}

function resolveTarget(input: TargetInput, at: Path, context: ResolveContext): TargetConfig {
  if (input === 'store') return { kind: 'store' };
  if ('url' in input) {
    const { url, repository, createProjects } = input;
    return { kind: 'registry', endpoint: resolveEndpoint(url, input, at, context), repository, createProjects };
  }
  const settings = targetSettingsSchema.parse({ url: input.origin });
  const repository = input.path === '' ? settings.repository : input.path;
  const endpoint = resolveEndpoint(settings.url, settings, at, context);
  return { kind: 'registry', endpoint, repository, createProjects: settings.createProjects };
}
