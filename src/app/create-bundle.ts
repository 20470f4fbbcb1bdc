import path from 'node:path';
import { createBundle as writeBundle } from '../bundle/create.ts';
import type { BundleOutput } from '../bundle/create.ts';
import type { WantedImage } from '../bundle/gathering.ts';
import type { LockFile } from '../bundle/lock-file.ts';
import { NOTHING_THERE, readOtherSide } from '../bundle/other-side.ts';
import { openBundleFolder } from '../bundle/write-folder.ts';
import { refuseExisting } from '../archive/write-tar-file.ts';
import { FilesystemBlobStore } from '../content/filesystem/filesystem-blob-store.ts';
import { forEach } from '../async/for-each.ts';
import { platformNotice } from '../copy/platform-subset.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';
import { type Reference, formatReference } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { OnSyncEvent } from '../sync/events.ts';
import { referenceOf } from './bundle-references.ts';
import { StoredContent } from './bundle-sources.ts';
import { whyUncopied } from './copy-outcome.ts';
import type { SourceImage } from './copy-sources.ts';
import { resolveImages } from './resolve-images.ts';
import type { Session } from './session.ts';

export interface BundleRequest extends Call {
  readonly session: Session;
  /** Absolute; `label` is what the person wrote. */
  readonly out: { readonly file: string; readonly label: string; readonly kind: 'tar' | 'folder' };
  /** The same, of what tells what the other side has. */
  readonly since?: { readonly file: string; readonly label: string } | undefined;
  readonly platforms: readonly Platform[];
  /** For `docker load`. */
  readonly onlyPlatform?: Platform | undefined;
  readonly tool: string;
  /** Makes an empty folder that lasts as long as the work. */
  readonly scratch: () => Promise<string>;
  readonly onEvent: OnSyncEvent;
}

/** What became of one image. */
interface BundleOutcome {
  readonly reference: string;
  /** `deferred`: no pulls were left for it. */
  readonly outcome: 'bundled' | 'deferred' | 'failed';
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

export interface BundleReport {
  readonly outcomes: readonly BundleOutcome[];
  /** `undefined`: no image could be bundled, and there is no bundle. */
  readonly lock: LockFile | undefined;
}

const REPOSITORIES_AT_ONCE = 8;

/** One bad image never stops the rest. Throws UsageError before anything is fetched where nothing could be written. */
export async function createBundle(images: readonly SourceImage[], request: BundleRequest): Promise<BundleReport> {
  const { session, since, onlyPlatform, platforms, onEvent, signal } = request;
  const references = new Map(images.map((image) => [image, referenceOf(image, session)]));
  const otherSide = since === undefined ? NOTHING_THERE : await readOtherSide(since.file, since.label);
  const to = await openOutput(request);
  const chosen = onlyPlatform === undefined ? platforms : [];
  for (const message of noticesOf(request)) onEvent({ type: 'notice', message });
  const outcomes: BundleOutcome[] = [];
  const settle = (
    reference: string,
    outcome: BundleOutcome['outcome'],
    why: Pick<BundleOutcome, 'code' | 'message'> = {},
  ) => {
    outcomes.push({ reference, outcome, ...why });
    const event = outcome === 'bundled' ? 'copied' : outcome;
    onEvent({ type: 'finished', reference, outcome: event, tags: 1, message: why.message });
  };
  const fail = (reference: string, error: unknown) => {
    const { outcome, ...why } = whyUncopied(error);
    settle(reference, outcome === 'deferred' ? 'deferred' : 'failed', why);
  };
  const wanted = await resolve(images, references, { request, to, fail });
  const created = await writeBundle(wanted, {
    to,
    platforms: chosen,
    onlyPlatform,
    otherSide,
    tool: request.tool,
    signal,
    onStarted: ({ reference }) => onEvent({ type: 'started', reference: formatReference(reference) }),
    onGathered: ({ reference }) => settle(formatReference(reference), 'bundled'),
    onFailed: ({ reference }, error) => fail(formatReference(reference), error),
    onBytes: (count) => onEvent({ type: 'bytes', count }),
  });
  return { outcomes, lock: created?.lock };
}

async function openOutput({ out, scratch, session }: BundleRequest): Promise<BundleOutput> {
  const { clock } = session.network;
  const now = () => clock.now();
  if (out.kind === 'folder') {
    return { kind: 'folder', folder: out.file, layout: await openBundleFolder(out.file, { now }) };
  }
  refuseExisting(out.file);
  return { kind: 'tar', file: out.file, staging: await FilesystemBlobStore.open(await scratch(), { now }) };
}

function* noticesOf({ platforms, onlyPlatform }: BundleRequest): Generator<string> {
  if (onlyPlatform !== undefined) yield `docker load takes one platform of each image: ${formatPlatform(onlyPlatform)}`;
  else if (platforms.length > 0) yield platformNotice(platforms, { isSparse: false });
}

interface Resolving {
  readonly request: BundleRequest;
  readonly to: BundleOutput;
  readonly fail: (reference: string, error: unknown) => void;
}

async function resolve(
  images: readonly SourceImage[],
  references: ReadonlyMap<SourceImage, Reference>,
  { request: { session, onEvent, signal }, to, fail }: Resolving,
): Promise<WantedImage[]> {
  const stored = await StoredContent.open(session);
  const wanted: WantedImage[] = [];
  const groups = Map.groupBy(images, ({ place, repository }) => `${place.address} ${repository}`);
  onEvent({ type: 'listed', repositories: groups.size, images: images.length, tags: images.length });
  await forEach(groups.values(), REPOSITORIES_AT_ONCE, async (group) => {
    const meanings = await resolveImages(group, { signal });
    const cost = { pulls: 0, bytes: 0, isKnown: false };
    onEvent({ type: 'planned', repository: group[0]?.text ?? '', toCopy: group.length, settled: 0, cost });
    const [first] = group;
    const source = first && (stored?.before(first) ?? first.place.repository(first.repository).source);
    for (const [image, meaning] of meanings) {
      const reference = references.get(image);
      if (reference === undefined || source === undefined) continue;
      if (meaning instanceof Error) {
        fail(formatReference(reference), meaning);
        continue;
      }
      // A folder is where content is kept until it is written: then it is written already.
      const isLocal = to.kind === 'tar' && isOfThisMachine(image);
      const blobs = image.place.address === 'store:' ? (await session.store()).content : undefined;
      const { digest } = meaning;
      const isRationed = async () =>
        (await image.place.upstream?.isRationed(image.repository, digest, { signal })) === true;
      wanted.push({ reference, digest, source, isLocal, blobs, isRationed });
    }
  });
  return wanted;
}

function isOfThisMachine({ place: { address } }: SourceImage): boolean {
  return address === 'store:' || address.startsWith('oci:');
}

/** A bundle whose name ends in .tar is one; any other is a folder. Throws UsageError for a compressed one. */
export function outputOf(label: string, resolvePath: (relative: string) => string): BundleRequest['out'] {
  if (/\.(?:tar\.\w+|tgz|txz|tzst|zip)$/.test(path.basename(label))) {
    throw new UsageError(
      `"${label}" would be compressed, but layers are compressed already; write to ${label.replace(/\.\w+$/, '')}`,
    );
  }
  return { file: resolvePath(label), label, kind: label.endsWith('.tar') ? 'tar' : 'folder' };
}
