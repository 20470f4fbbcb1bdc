// The whole main job without a configuration: what is said on the command line becomes a job like any other.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import type { CatalogConfig, SyncJobConfig, TargetConfig } from '../config/config.ts';
import { parseDuration } from '../config/duration.ts';
import { parseImageList } from '../catalog/list-file.ts';
import { OFFICIAL_IMAGES_REPOSITORY } from '../catalog/official-images/official-images-catalog.ts';
import { DOCKER_HUB } from '../oci/reference.ts';
import { parsePlatform } from '../oci/platform.ts';
import { UsageError } from '../oci/usage-error.ts';
import { collect } from './collect.ts';
import { parseRegistry, parseTarget } from './registry-argument.ts';
import type { Terminal } from './terminal.ts';

export interface CatalogFlags {
  readonly library?: true | undefined;
  readonly catalog?: readonly string[] | undefined;
  readonly images?: readonly string[] | undefined;
  readonly file?: string | undefined;
  readonly semver?: readonly string[] | undefined;
  readonly newest?: string | undefined;
  readonly latestPatch?: true | undefined;
  readonly minAge?: string | undefined;
  readonly maxAge?: string | undefined;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly platform?: readonly string[] | undefined;
  readonly since?: string | undefined;
}

export interface SyncFlags extends CatalogFlags {
  readonly to?: readonly string[] | undefined;
  readonly plainHttp?: true | undefined;
  readonly createProjects?: true | undefined;
  readonly full?: true | undefined;
  readonly checkTarget?: true | undefined;
  readonly state?: string | undefined;
}

/** Adds the flags that choose images: where the list comes from, and what of it is wanted. */
export function addSelection(command: Command) {
  return command
    .option('--library', 'all Docker Official Images: the same as --catalog official-images')
    .option(
      '--catalog <catalog>',
      'official-images[:URL|DIR], hub:NAMESPACE, registry:HOST[/PATTERN], file:LIST (repeat)',
      collect,
    )
    .option(
      '--images <names>',
      'images by name, such as nginx:1.27,redis; without a tag all tags (repeat)',
      collectList,
    )
    .option('--file <list>', 'images from a list, one a line; - reads the standard input')
    .option('--include <pattern>', 'only NAME or NAME:TAG, with *, or /REGEXP/ (repeat)', collect)
    .option('--exclude <pattern>', 'not NAME or NAME:TAG, with *, or /REGEXP/ (repeat)', collect)
    .option(
      '--semver <range>',
      'only versions in RANGE, or NAME:RANGE of one name, as "nginx:>=1.20" (repeat)',
      collect,
    )
    .option('--latest-patch', 'of each minor version only the latest patch')
    .option('--newest <count>', 'only so many of each name: moved last, where that is known, else the latest versions')
    .option('--min-age <duration>', 'only what has not changed for so long, such as 7d')
    .option('--max-age <duration>', 'only what has changed within this time, such as 90d')
    .option('--platform <platform>', 'only this platform, such as linux/arm64 (repeat)', collect)
    .option('--since <revision|time>', 'only what the catalog changed since then: a commit, a tag, a date, or 7d');
}

/** Adds the jobs of the configuration, or else what describes one: which images, and where to. */
export function addJobFlags(command: Command) {
  return addSelection(command)
    .argument('[jobs...]', 'names of jobs in the configuration; all of them when none is named')
    .option('--to <registry>', 'where to: HOST, HOST/PREFIX/, HOST/TEMPLATE, or store (repeat)', collect)
    .option('--plain-http', 'talk http to registries that are named without a scheme')
    .option('--create-projects', 'at a Harbor, make the private projects that it lacks')
    .option('--full', 'believe nothing that earlier runs remember: ask for every tag again, here and at the target')
    .option('--check-target', 'look at every tag at the target, not only at a share of them')
    .option('--state <place>', 'where runs remember what they did: data, or target, for a machine that keeps nothing')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml');
}

/** What a run believes of earlier ones. */
export function beliefOf({ full, checkTarget, since }: SyncFlags) {
  return { isAnew: full, isTargetChecked: checkTarget, since };
}

/** Whether the flags name images at all; without them the jobs of the configuration are meant. */
export function namesImages({ library, catalog, images, file }: CatalogFlags): boolean {
  return [library, catalog, images, file].some((flag) => flag !== undefined);
}

/** All that the flags name: one catalog for each upstream, which may be a union. Throws UsageError. */
export async function catalogsFromFlags(flags: CatalogFlags, terminal: Terminal): Promise<NamedCatalog[]> {
  const { library, catalog = [], images, file } = flags;
  const written = [...(library === true ? ['official-images'] : []), ...catalog];
  const named = written.length === 0 && images === undefined && file === undefined ? ['official-images'] : written;
  const catalogs = (await Promise.all(named.map((text) => namedCatalogs(text, terminal)))).flat();
  if (images !== undefined) catalogs.push(...splitByUpstream(images, '--images'));
  if (file !== undefined) catalogs.push(...(await listedCatalogs(file, terminal)));
  return [...Map.groupBy(catalogs, ({ upstream }) => upstream)].map(([upstream, group]) => {
    const [first, ...others] = group.map((one) => one.catalog);
    const isOne = first !== undefined && others.length === 0;
    return { upstream, catalog: isOne ? first : { kind: 'union', catalogs: group.map((one) => one.catalog) } };
  });
}

/** What of the catalogs the flags choose, as a job's configuration says it. Throws UsageError. */
export function selectionFromFlags(flags: CatalogFlags) {
  return {
    include: { patterns: flags.include ?? [], files: [] },
    exclude: { patterns: flags.exclude ?? [], files: [] },
    semver: semverFromFlags(flags),
    latestPatch: flags.latestPatch === true,
    newest: flags.newest === undefined ? undefined : parseCount(flags.newest),
    minAgeMs: flags.minAge === undefined ? 0 : parseAge('--min-age', flags.minAge),
    maxAgeMs: flags.maxAge === undefined ? Infinity : parseAge('--max-age', flags.maxAge),
    platforms: platformsFromFlags(flags),
  } satisfies Partial<SyncJobConfig>;
}

/** Jobs made of flags and of the three REGISTRY_ variables. Throws UsageError. */
export async function jobsFromFlags(flags: SyncFlags, terminal: Terminal): Promise<SyncJobConfig[]> {
  const to = targetsFromFlags(flags, terminal);
  const catalogs = await catalogsFromFlags(flags, terminal);
  return catalogs.map(({ upstream, catalog }) => ({
    name: nameOf(catalog, catalogs.length > 1 ? upstream : undefined),
    from: upstream,
    catalog,
    ...selectionFromFlags(flags),
    to,
    pruneAfterMs: Infinity,
    state: stateFromFlags(flags) ?? 'data',
  }));
}

/** Throws UsageError for any other place. */
export function stateFromFlags({ state }: SyncFlags): SyncJobConfig['state'] | undefined {
  if (state === undefined || state === 'data' || state === 'target') return state;
  throw new UsageError(`--state ${state} is no place to remember things; write data or target`);
}

/** A catalog and the upstream that its names are of. */
interface NamedCatalog {
  readonly upstream: string;
  readonly catalog: CatalogConfig;
}

function nameOf({ kind }: CatalogConfig, upstream: string | undefined): string {
  const name = kind === 'official-images' ? 'library' : 'images';
  return upstream === undefined ? name : `${name} of ${upstream}`;
}

async function listedCatalogs(file: string, terminal: Terminal): Promise<NamedCatalog[]> {
  const text = file === '-' ? await terminal.readInput() : await readTextFile(file, terminal);
  return splitByUpstream(text.split('\n'), file === '-' ? 'standard input' : file);
}

// Lines that cannot be read stay with docker.io's, whose listing then names them.
function splitByUpstream(lines: readonly string[], file: string): NamedCatalog[] {
  const { entries } = parseImageList(lines.join('\n'), file);
  const domains = new Map(entries.map(({ line, reference }) => [line, reference.domain]));
  const upstreams = new Set(domains.values());
  if (upstreams.size === 0) upstreams.add(DOCKER_HUB);
  const first = upstreams.values().next().value;
  return [...upstreams].map((upstream) => ({
    upstream,
    // A line of another catalog becomes an empty one, so that problems keep their line.
    catalog: {
      kind: 'images',
      file,
      images: lines.map((text, index) => ((domains.get(index + 1) ?? first) === upstream ? text : '')),
    },
  }));
}

async function readTextFile(file: string, { workingFolder }: Terminal): Promise<string> {
  try {
    return await readFile(path.resolve(workingFolder, file), 'utf8');
  } catch (error) {
    throw new UsageError(`the list ${file} cannot be read: ${(error as Error).message}`);
  }
}

function platformsFromFlags({ platform = [] }: CatalogFlags): SyncJobConfig['platforms'] {
  return platform.length === 0 ? 'all' : platform.flatMap((text) => text.split(',')).map(parsePlatform);
}

function targetsFromFlags({ to = [], plainHttp, createProjects }: SyncFlags, { env }: Terminal): TargetConfig[] {
  const domain = env['REGISTRY_DOMAIN'] ?? '';
  const named = to.length === 0 && domain !== '' ? [domain] : to;
  if (named.length === 0) {
    throw new UsageError('no target: add --to REGISTRY, or set REGISTRY_DOMAIN, REGISTRY_USER and REGISTRY_PASSWORD');
  }
  const username = env['REGISTRY_USER'] ?? '';
  const password = env['REGISTRY_PASSWORD'] ?? '';
  if ((username === '') !== (password === '')) {
    throw new UsageError('set both REGISTRY_USER and REGISTRY_PASSWORD, or neither for anonymous access');
  }
  const login = username === '' ? undefined : { username, password };
  return named.map((text): TargetConfig => {
    if (text === 'store') return { kind: 'store' };
    const target = { ...parseTarget(text, { plainHttp }), createProjects: createProjects === true };
    // The variables speak of one registry: their login goes to no other.
    const isMeant = login !== undefined && (domain === '' || text === domain || to.length === 0);
    return isMeant ? { ...target, endpoint: { ...target.endpoint, credentials: login } } : target;
  });
}

async function namedCatalogs(text: string, terminal: Terminal): Promise<NamedCatalog[]> {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  if (kind === 'official-images') {
    const repository = rest === '' ? OFFICIAL_IMAGES_REPOSITORY : rest;
    return [{ upstream: DOCKER_HUB, catalog: { kind, repository } }];
  }
  if (kind === 'file' && rest !== '') return await listedCatalogs(rest, terminal);
  if (kind === 'hub' && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(rest)) {
    return [{ upstream: DOCKER_HUB, catalog: { kind, namespace: rest } }];
  }
  if (kind === 'registry' && rest !== '') return [registryCatalog(rest)];
  const ways = 'official-images, official-images:URL, official-images:DIR, hub:NAMESPACE, registry:HOST or file:LIST';
  throw new UsageError(`"${text}" is not a catalog; write ${ways}`);
}

function registryCatalog(text: string): NamedCatalog {
  const { endpoint, path: pattern } = parseRegistry(text);
  const isHub = endpoint.url === parseRegistry(DOCKER_HUB).endpoint.url;
  const repositories = [pattern === '' ? '**' : pattern.endsWith('/') ? `${pattern}**` : pattern];
  const upstream = isHub ? DOCKER_HUB : new URL(endpoint.url).host;
  return { upstream, catalog: { kind: 'registry', endpoint, repositories } };
}

/** `RANGE`, or `NAME:RANGE`: no range has a colon. */
function semverFromFlags({ semver = [] }: CatalogFlags): SyncJobConfig['semver'] {
  const byName = new Map<string, string>();
  const ranges: string[] = [];
  for (const text of semver) {
    const colon = text.lastIndexOf(':');
    if (colon < 0) ranges.push(text);
    else byName.set(text.slice(0, colon), text.slice(colon + 1));
  }
  if (ranges.length > 1) {
    throw new UsageError(`--semver ${ranges.join(' and ')} are for the same names; write one as "RANGE || RANGE"`);
  }
  return { range: ranges[0], byName };
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--newest ${text} is not a number of images; write one such as 5`);
}

function parseAge(flag: string, text: string): number {
  const age = parseDuration(text);
  if (age !== undefined) return age;
  throw new UsageError(`${flag} ${text} is not a duration; write one such as 12h or 7d`);
}

function collectList(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...splitImages(value)];
}

// `nginx:1.26,1.27,redis` names two images: a piece that could be a tag of the image before it stays with it.
function splitImages(value: string): string[] {
  const images: string[] = [];
  for (const piece of value.split(',').map((text) => text.trim())) {
    const previous = images.at(-1);
    const isTagOfPrevious = previous !== undefined && previous.includes(':') && /^v?\d[\w.-]*$/.test(piece);
    if (isTagOfPrevious) images[images.length - 1] = `${previous},${piece}`;
    else if (piece !== '') images.push(piece);
  }
  return images;
}
