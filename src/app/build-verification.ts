// From what a person asked for to what is compared: mirrors, wanted tags, and what is known of their past.
import { forEach } from '../async/for-each.ts';
import type { Catalog, CatalogImage, CatalogProblem } from '../catalog/catalog.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { type Selection, selectImages } from '../select/select-images.ts';
import type { WantedTags } from '../verify/authority-answers.ts';
import type { Depth } from '../verify/compare-images.ts';
import type { MirrorPlace } from '../verify/mirror-places.ts';
import { checkNamesThere } from '../verify/names-there.ts';
import type { ComparisonRecord, Verification, VerifiedMirror } from '../verify/verification.ts';
import { historyOf } from './build-verification-history.ts';
import { type OpenMirror, openMirrors } from './build-verification-mirrors.ts';
import { type HeldTags, heldImages, heldTags, sampleTags, wantedTags } from './build-verification-selection.ts';
import type { Session } from './session.ts';

const REPOSITORIES_AT_ONCE = 8;

/** Where the wanted images are listed, and whose they are. */
interface VerifiedCatalog {
  readonly upstream: string;
  readonly catalog: Catalog;
}

export interface VerificationRequest extends Call {
  readonly places: readonly MirrorPlace[];
  /** Of a configuration that has the places as its mirrors: `withMirrors`. */
  readonly session: Session;
  /** Catalogs, or all that the mirrors hold of one upstream. */
  readonly images: readonly VerifiedCatalog[] | { readonly heldOf: string };
  readonly selection: Selection;
  readonly depth: Depth;
  readonly sample?: { readonly tags: number; readonly seed: string } | undefined;
  /** Only what the catalogs changed since then. */
  readonly since?: string | undefined;
  readonly record?: ComparisonRecord | undefined;
}

export interface BuiltVerification {
  readonly verification: Verification;
  /** What of the catalogs could not be read. */
  readonly problems: readonly CatalogProblem[];
  readonly notices: readonly string[];
}

/** Throws UsageError for names that clash at a mirror, for a mirror that does not list what it holds, and for no images. */
export async function buildVerification(request: VerificationRequest): Promise<BuiltVerification> {
  const { places, session, images, selection, depth, sample, record } = request;
  const mirrors = await openMirrors(places, session);
  const listed =
    'heldOf' in images
      ? await listHeld(mirrors, images.heldOf, request)
      : { ...(await listCatalogs(images, request)), held: undefined };
  for (const { upstream, images: of } of listed.wanted) {
    const repositories = [...new Set(of.map(({ repository }) => repository))];
    for (const { name, templateFor } of mirrors) checkNamesThere(templateFor(upstream), upstream, repositories, name);
  }
  const all = wantedTags(
    listed.wanted.map(({ upstream, images: of }) => ({ upstream: session.upstream(upstream), images: of })),
  );
  if (all.length === 0) throw new UsageError('nothing is chosen, so there is nothing to compare');
  const wanted = sample === undefined ? all : sampleTags(all, sample.tags, sample.seed);
  const secret = mirrors.some(({ isForPublic }) => isForPublic) ? await secretRepositories(wanted, session) : NONE;
  return {
    verification: {
      mirrors: mirrors.map((mirror) => verified(mirror, listed.held?.get(mirror), secret)),
      wanted,
      depth,
      platforms: selection.platforms,
      history: historyOf(session, mirrors),
      record,
    },
    problems: listed.problems,
    notices: listed.notices,
  };
}

interface Listed {
  readonly wanted: readonly { readonly upstream: string; readonly images: readonly CatalogImage[] }[];
  readonly problems: readonly CatalogProblem[];
  readonly notices: readonly string[];
}

async function listCatalogs(
  catalogs: readonly VerifiedCatalog[],
  { selection, since, signal }: VerificationRequest,
): Promise<Listed> {
  const listings = await Promise.all(
    catalogs.map(async ({ upstream, catalog }) => {
      const listing = await catalog.list({ signal });
      if (since === undefined) return { ...listing, upstream };
      if (catalog.changesSince === undefined) {
        throw new UsageError(`--since needs a history, and there is none of ${catalog.description}`);
      }
      const changed = await catalog.changesSince(listing, since, { signal });
      return { ...listing, upstream, images: listing.images.filter((image) => changed.images.has(image)) };
    }),
  );
  return {
    wanted: listings.map(({ upstream, images }) => ({ upstream, images: selectImages(images, selection) })),
    problems: listings.flatMap(({ problems }) => problems),
    notices: listings.flatMap(({ notices }) => notices),
  };
}

/** Each mirror is compared for what it holds, and not for what another one does. One that does not say is left out. */
async function listHeld(
  mirrors: readonly OpenMirror[],
  upstream: string,
  { selection, signal }: VerificationRequest,
): Promise<Listed & { readonly held: ReadonlyMap<OpenMirror, HeldTags> }> {
  const held = new Map<OpenMirror, HeldTags>();
  const images: CatalogImage[] = [];
  const problems: CatalogProblem[] = [];
  await Promise.all(
    mirrors.map(async (mirror) => {
      try {
        const own = await heldImages(mirror, upstream, selection, { signal });
        held.set(mirror, heldTags(own));
        images.push(...own);
      } catch (error) {
        signal?.throwIfAborted();
        const isTheirs = error instanceof UsageError || error instanceof RemoteError;
        if (!isTheirs || mirrors.length === 1) throw error;
        held.set(mirror, new Set());
        problems.push({ file: mirror.name, message: error.message });
      }
    }),
  );
  return { wanted: [{ upstream, images }], problems, notices: [], held };
}

const NONE: ReadonlySet<string> = new Set();

/** By upstream and name: those that not everybody may read. */
async function secretRepositories(wanted: readonly WantedTags[], session: Session): Promise<ReadonlySet<string>> {
  const secret = new Set<string>();
  await forEach(wanted, REPOSITORIES_AT_ONCE, async ({ authority, repository }) => {
    if (!(await session.upstream(authority.name).isPublic(repository))) secret.add(`${authority.name}/${repository}`);
  });
  return secret;
}

function verified(mirror: OpenMirror, held: HeldTags | undefined, secret: ReadonlySet<string>): VerifiedMirror {
  const { name, isForPublic } = mirror;
  return {
    name,
    repository: (upstream, repository) =>
      isForPublic && secret.has(`${upstream}/${repository}`) ? undefined : mirror.repository(upstream, repository),
    ...(held !== undefined && { isWanted: ({ repository, tag }) => held.has(`${repository}:${tag}`) }),
  };
}
