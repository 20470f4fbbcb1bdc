// What is to be compared: of catalogs and lists, or of what the mirrors themselves hold.
import { forEach } from '../async/for-each.ts';
import type { CatalogImage } from '../catalog/catalog.ts';
import { DOCKER_HUB, type RepositoryName, familiarName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Upstream } from '../remote/upstream.ts';
import { canBeOnDockerHub } from '../pull-through/which-repository.ts';
import { type Selection, selectImages } from '../select/select-images.ts';
import type { WantedTags } from '../verify/authority-answers.ts';
import { nameThere, nameUpstream } from '../verify/names-there.ts';
import { sampleOf } from '../verify/sample.ts';
import type { OpenMirror } from './build-verification-mirrors.ts';

/** Images of one upstream. */
export interface WantedImages {
  readonly upstream: Upstream;
  readonly images: readonly CatalogImage[];
}

/** What one mirror holds: references without their domain, `library/nginx:1.27`. */
export type HeldTags = ReadonlySet<string>;

const LISTS_AT_ONCE = 8;

/** Each tag once, repository by repository. */
export function wantedTags(wanted: readonly WantedImages[]): WantedTags[] {
  return wanted.flatMap(({ upstream, images }) =>
    [...Map.groupBy(images, ({ repository }) => repository)].map(([repository, of]) => ({
      authority: upstream,
      repository,
      tags: [...new Set(of.flatMap(({ tags }) => tags))],
    })),
  );
}

/** So many tags of them all. */
export function sampleTags(wanted: readonly WantedTags[], count: number, seed: string): WantedTags[] {
  const all = wanted.flatMap((of) => of.tags.map((tag) => ({ of, tag })));
  const nameOf = ({ of, tag }: (typeof all)[number]) => `${of.authority.name}/${of.repository}:${tag}`;
  const chosen = Map.groupBy(sampleOf(all, count, seed, nameOf), ({ of }) => of);
  return [...chosen].map(([of, tags]) => ({ ...of, tags: tags.map(({ tag }) => tag) }));
}

/**
 * All that the mirror holds under names of the upstream, as far as the selection lets it. Where only names without a * are
 * included, these are asked for, as many mirrors list no repositories. Throws UsageError where one does not.
 */
export async function heldImages(
  mirror: OpenMirror,
  upstream: string,
  selection: Selection,
  call: Call,
): Promise<CatalogImage[]> {
  const template = mirror.templateFor(upstream);
  const images: CatalogImage[] = [];
  await forEach(await repositoriesOf(mirror, upstream, selection, call), LISTS_AT_ONCE, async (repository) => {
    const tags = await mirror.tagsOf(nameThere(template, upstream, repository)).listTags(call);
    const name = familiarName(upstream, repository);
    for (const tag of tags ?? []) images.push({ repository, name, tags: [tag], platforms: [] });
  });
  return selectImages(images, selection);
}

export function heldTags(images: readonly CatalogImage[]): HeldTags {
  return new Set(images.flatMap(({ repository, tags }) => tags.map((tag) => `${repository}:${tag}`)));
}

async function repositoriesOf(
  mirror: OpenMirror,
  upstream: string,
  { include, exclude }: Selection,
  call: Call,
): Promise<readonly RepositoryName[]> {
  const literal = include.map(literalName);
  if (literal.length > 0 && literal.every((name) => name !== undefined)) {
    return [...new Set(literal.flatMap((name) => nameUpstream('{name}', upstream, name) ?? []))];
  }
  const template = mirror.templateFor(upstream);
  const there = await listRepositories(mirror, call);
  const repositories = there.flatMap((name) => nameUpstream(template, upstream, name) ?? []);
  return repositories.filter(
    (name) =>
      (upstream !== DOCKER_HUB || canBeOnDockerHub(name)) &&
      (include.length === 0 || include.some((pattern) => mayChoose(pattern, upstream, name))) &&
      !exclude.some((pattern) => 'hasTag' in pattern && !pattern.hasTag && mayChoose(pattern, upstream, name)),
  );
}

type ChosenBy = Selection['include'][number];

/** What is between slashes is a regular expression. */
function literalName({ text }: ChosenBy): string | undefined {
  return text.startsWith('/') || text.includes('*') ? undefined : text.replace(/:[^/:]*$/, '');
}

/** Only an expression has to see the tag as well. */
function mayChoose(pattern: ChosenBy, upstream: string, name: RepositoryName): boolean {
  if (!('matchesName' in pattern)) return true;
  return pattern.matchesName(name) || pattern.matchesName(familiarName(upstream, name));
}

async function listRepositories(mirror: OpenMirror, call: Call): Promise<readonly string[]> {
  try {
    return await mirror.listRepositories(call);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    const message = `${mirror.name} does not list what it holds (${error.message})`;
    throw new UsageError(`${message}; name repositories with --include NAME, or a catalog`, { cause: error });
  }
}
