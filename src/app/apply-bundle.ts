// A bundle to where it was meant for: our own store, or a registry.
import {
  type ApplyTarget,
  type PlacedBundledImage,
  type PlacedRepository,
  applyBundle as apply,
} from '../bundle/apply.ts';
import type { Bundle, BundledImage } from '../bundle/bundle.ts';
import type { CopyDestination } from '../config/copy-destination.ts';
import { type NamedImage, type Naming, type NewName, nameImages } from '../copy/pair-images.ts';
import {
  DOCKER_HUB,
  type Reference,
  type RepositoryName,
  familiarName,
  parseRepositoryName,
  parseUntaggedReference,
} from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { folderOf } from '../pull-through/which-repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { StoredTargets } from '../store/stored-target.ts';
import type { OnSyncEvent } from '../sync/events.ts';
import { type CopyOutcome, whyUncopied } from './copy-outcome.ts';
import { type ImagePlace, type ImagePlaces, type PlaceRepository, suffixOf } from './image-places.ts';
import type { Session } from './session.ts';

export interface ApplyRequest extends Call {
  readonly session: Session;
  readonly places: ImagePlaces;
  readonly to: CopyDestination;
  readonly onEvent: OnSyncEvent;
  readonly onOutcome: (outcome: CopyOutcome) => void;
}

/** For whom the tags that a bundle brings are pinned: where it is applied nobody could fetch them again. */
const PINNED_FOR = 'bundle';

/**
 * One bad image never stops the rest. Throws UsageError, and changes nothing, where names clash, the target takes no
 * push, or lacks what the bundle leaves out.
 */
export async function applyBundle(bundle: Bundle, request: ApplyRequest): Promise<void> {
  const { onEvent, onOutcome, signal } = request;
  const place = await openTarget(request);
  const named = new Map(bundle.images.map((image) => [namedImage(image.reference, image.text), image]));
  const names = nameImages([...named.keys()], place.naming);
  const repositories = new Map<string, PlacedRepository>();
  const repositoryOf = (reference: Reference, name: NewName): PlacedRepository => {
    const there = parseRepositoryName(name.repository ?? '');
    const known = repositories.get(there) ?? place.open(there, reference);
    repositories.set(there, known);
    return known;
  };
  const images = [...named].map(([each, image]): PlacedBundledImage => {
    const name = names.get(each) ?? {};
    return { image, to: repositoryOf(image.reference, name), tag: name.tag };
  });
  const target: ApplyTarget = {
    label: place.label,
    repository(text) {
      const reference = parseUntaggedReference(text);
      const each = namedImage(reference, text);
      return repositoryOf(reference, nameImages([each], place.naming).get(each) ?? {});
    },
  };
  await tryToPush(images[0], request);
  const cost = { pulls: 0, bytes: 0, isKnown: false };
  onEvent({ type: 'listed', repositories: repositories.size, images: images.length, tags: images.length });
  onEvent({ type: 'planned', repository: bundle.label, toCopy: images.length, settled: 0, cost });
  const placed = new Map(images.map((each) => [each.image, each]));
  const settle = (image: BundledImage, what: Pick<CopyOutcome, 'outcome'> & Partial<CopyOutcome>) => {
    const { to, tag } = placed.get(image) ?? {};
    const { digest, text } = image;
    const destination = place.describe(to?.name ?? '') + suffixOf({ tag, digest });
    onEvent({ type: 'finished', reference: text, outcome: what.outcome, tags: 1, message: what.message });
    onOutcome({ source: text, destination, bytes: 0, ...what });
  };
  await apply(bundle, images, target, {
    isHashedByTarget: place.isStore,
    signal,
    onStarted: ({ text }) => onEvent({ type: 'started', reference: text }),
    onApplied: (image, outcome, bytes) => settle(image, { outcome, bytes, digest: image.digest }),
    onFailed: (image, error) => settle(image, whyUncopied(error)),
    onBytes: (count) => onEvent({ type: 'bytes', count }),
  });
}

interface OpenTarget {
  readonly label: string;
  readonly isStore: boolean;
  readonly naming: Naming;
  describe(repository: string): string;
  open(name: RepositoryName, reference: Reference): PlacedRepository;
}

async function openTarget({ to, session, places }: ApplyRequest): Promise<OpenTarget> {
  if (to.kind === 'registry') {
    const place = places.registry(to.registry);
    const { repository = '{repository}', tag } = to.name;
    return { ...opened(to.registry, place, { repository, tag }), open: (name) => placed(place.repository(name)) };
  }
  if (to.kind !== 'store') {
    throw new UsageError(
      'a bundle is applied to the store or to a registry; for anything else there is wharf copy oci:DIR:TAG',
    );
  }
  const store = await session.store();
  const { upstreams, defaultUpstream = DOCKER_HUB } = session.config;
  const { repository, tag } = to.name;
  const ownName = ({ domain, repository: path }: Reference) =>
    domain === defaultUpstream ? path : `${folderOf(domain)}/${path}`;
  const template = ({ text }: NamedImage) => ownName(parseUntaggedReference(text));
  return {
    ...opened('the store', await places.store(), { repository: repository ?? template, tag }),
    isStore: true,
    open(name, reference) {
      // Of what goes by another name nobody could tell whose it is.
      const isCalledSo = upstreams.has(reference.domain) && name === ownName(reference);
      const upstream = isCalledSo ? reference.domain : undefined;
      const targets = new StoredTargets({ ...store, upstream, job: PINNED_FOR });
      return { name, target: targets.repository(name) };
    },
  };
}

function opened(label: string, place: ImagePlace, names: Pick<Naming, 'repository' | 'tag'>) {
  return {
    label,
    isStore: false,
    naming: { place: place.prefix, ...names },
    describe: (repository: string) => place.describe(repository),
  };
}

function placed({ name, target }: PlaceRepository): PlacedRepository {
  return { name, target };
}

function namedImage(reference: Reference, text: string): NamedImage {
  const { domain, repository, tag, digest } = reference;
  return { text, tag, digest, values: { repository, name: familiarName(domain, repository), upstream: domain } };
}

// What a person lacks the right to is known before anything is sent.
async function tryToPush(first: PlacedBundledImage | undefined, call: Call): Promise<void> {
  const target: PlaceRepository['target'] | undefined = first?.to.target as PlaceRepository['target'] | undefined;
  try {
    await target?.tryToPush?.(call);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    throw new UsageError(`cannot push to the target: ${error.message}`, { cause: error });
  }
}
