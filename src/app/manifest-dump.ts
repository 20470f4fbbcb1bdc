// What tags mean, as files: the index and the manifest of each platform, byte for byte, and a table of the tags.
import { forEach } from '../async/for-each.ts';
import { Semaphore } from '../async/semaphore.ts';
import { StorageError } from '../content/storage-error.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Platform } from '../oci/platform.ts';
import type { Call } from '../oci/repository.ts';
import type { OnSyncEvent } from '../sync/events.ts';
import { type SourceTraffic, sourceTraffic } from '../sync/report.ts';
import { referenceOf } from './bundle-references.ts';
import { StoredContent } from './bundle-sources.ts';
import { whyUncopied } from './copy-outcome.ts';
import type { SourceImage } from './copy-sources.ts';
import { DumpFolder } from './manifest-dump-folder.ts';
import { DUMP_NAMES, type DumpNaming, TABLE, labelOf } from './manifest-dump-names.ts';
import { MAX_TABLE_BYTES, type TableRow, formatTable, parseTable } from './manifest-dump-table.ts';
import { DumpWriter, type DumpedImage } from './manifest-dump-writer.ts';
import { resolveImages } from './resolve-images.ts';
import type { Session } from './session.ts';

export interface DumpRequest extends Call {
  readonly session: Session;
  /** Absolute. */
  readonly out: string;
  readonly naming: DumpNaming;
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  readonly withConfigs: boolean;
  /** Remove what is not selected any more. */
  readonly prune: boolean;
  readonly onEvent: OnSyncEvent;
}

interface DumpFailure {
  readonly reference: string;
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export interface DumpReport {
  /** The parts add up to what was wanted. `pending`: the registry does not have it yet. */
  readonly tags: Record<'wanted' | 'written' | 'upToDate' | 'pending' | 'deferred' | 'failed', number>;
  /** Manifests, and configs where they were asked for: each once. */
  readonly files: Record<'fetched' | 'present' | 'removed', number>;
  readonly sources: Readonly<Record<string, SourceTraffic>>;
  readonly failures: readonly DumpFailure[];
}

type Settled = 'written' | 'upToDate' | 'pending' | 'deferred' | 'failed';

const REPOSITORIES_AT_ONCE = 8;
const IMAGES_AT_ONCE = 16;
/** Of the tags that are not there yet. */
const MOST_NAMED = 20;

/**
 * One bad tag never stops the rest. What is there is not fetched again, so a dump that was stopped, by the pull budget or
 * otherwise, is simply started again. Throws UsageError when the disk takes no more; no file is there in part then.
 */
export async function dumpManifests(images: readonly SourceImage[], request: DumpRequest): Promise<DumpReport> {
  const { session, out } = request;
  const folder = await DumpFolder.open(out, session.network.clock.now());
  return await new Dump(request, folder, await StoredContent.open(session)).run(images);
}

class Dump {
  readonly #request: DumpRequest;
  readonly #folder: DumpFolder;
  readonly #stored: StoredContent | undefined;
  readonly #writer: DumpWriter;
  readonly #slots = new Semaphore(IMAGES_AT_ONCE);
  /** Where pulls are counted, an image is finished before the next one is begun. */
  readonly #rationed = new Semaphore(1);
  readonly #rows = new Map<string, TableRow>();
  readonly #kept = new Set<string>();
  /** Not what they mean now, but wanted: what there is of them stays. */
  readonly #unsettled = new Set<string>();
  readonly #tags: DumpReport['tags'] = { wanted: 0, written: 0, upToDate: 0, pending: 0, deferred: 0, failed: 0 };
  readonly #files: DumpReport['files'] = { fetched: 0, present: 0, removed: 0 };
  readonly #failures: DumpFailure[] = [];

  constructor(request: DumpRequest, folder: DumpFolder, stored: StoredContent | undefined) {
    const { naming, platforms, withConfigs, signal } = request;
    this.#request = request;
    this.#folder = folder;
    this.#stored = stored;
    const onFile = (how: 'present' | 'fetched') => void (this.#files[how] += 1);
    this.#writer = new DumpWriter({ folder, names: DUMP_NAMES[naming], platforms, withConfigs, signal, onFile });
  }

  async run(images: readonly SourceImage[]): Promise<DumpReport> {
    const { onEvent, signal } = this.#request;
    const groups = Map.groupBy(images, ({ place, repository }) => `${place.address} ${repository}`);
    const sources = sourcesOf(images);
    const before = new Map([...sources].map(([name, traffic]) => [name, traffic.copy()]));
    this.#tags.wanted = images.length;
    onEvent({ type: 'listed', repositories: groups.size, images: images.length, tags: images.length });
    try {
      await forEach(groups.values(), REPOSITORIES_AT_ONCE, (group) => this.#dumpRepository(group));
      signal?.throwIfAborted();
    } finally {
      // What was written by then is worth its line, whatever ended the run.
      await this.#writeTable();
      await this.#folder.close();
    }
    return {
      tags: this.#tags,
      files: this.#files,
      sources: Object.fromEntries(
        [...sources].map(([name, traffic]) => [name, sourceTraffic(traffic.since(before.get(name) ?? traffic))]),
      ),
      failures: this.#failures,
    };
  }

  async #dumpRepository(group: readonly SourceImage[]): Promise<void> {
    const { onEvent, signal } = this.#request;
    const meanings = await resolveImages(group, { signal });
    const cost = { pulls: 0, bytes: 0, isKnown: false };
    onEvent({ type: 'planned', repository: group[0]?.text ?? '', toCopy: group.length, settled: 0, cost });
    const byDigest = new Map<Digest, SourceImage[]>();
    for (const [image, meaning] of meanings) {
      if (meaning instanceof Error) this.#fail([image], meaning, isNotFound(meaning) ? 'pending' : 'failed');
      else byDigest.set(meaning.digest, [...(byDigest.get(meaning.digest) ?? []), image]);
    }
    await forEach(byDigest, IMAGES_AT_ONCE, ([digest, same]) => this.#dumpImage(digest, same));
  }

  async #dumpImage(digest: Digest, same: readonly SourceImage[]): Promise<void> {
    const { signal, onEvent } = this.#request;
    const [first] = same;
    if (first === undefined) return;
    const { place, repository } = first;
    using _slot = await this.#slots.acquire(signal);
    const isRationed = (await place.upstream?.isRationed(repository, digest, { signal })) === true;
    using _turn = isRationed ? await this.#rationed.acquire(signal) : undefined;
    onEvent({ type: 'started', reference: first.text });
    try {
      const source = this.#stored?.before(first) ?? place.repository(repository).source;
      const labels = same.map((image) => this.#labelOf(image, digest));
      const dumped = await this.#writer.write({ source, digest, labels });
      this.#note(dumped);
      this.#settle(same, dumped.isNew ? 'written' : 'upToDate');
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof StorageError) throw error;
      this.#fail(same, error);
    }
  }

  #note({ rows, files }: DumpedImage): void {
    for (const row of rows) this.#rows.set(row.label, row);
    if (this.#request.prune) for (const name of files) this.#kept.add(name);
  }

  #fail(images: readonly SourceImage[], error: unknown, kind: 'failed' | 'pending' = 'failed'): void {
    const { outcome, code, message } = whyUncopied(error);
    const settled = outcome === 'deferred' ? 'deferred' : kind;
    for (const image of images) {
      this.#unsettled.add(this.#labelOf(image, undefined));
      if (settled === 'failed') this.#failures.push({ reference: image.text, code, message });
      if (settled === 'pending' && this.#tags.pending < MOST_NAMED) {
        this.#request.onEvent({ type: 'notice', message: `not there yet: ${image.text}` });
      }
    }
    this.#settle(images, settled, message);
  }

  #settle(images: readonly SourceImage[], settled: Settled, message?: string): void {
    this.#tags[settled] += images.length;
    const outcome = settled === 'written' ? 'copied' : settled === 'pending' ? 'upToDate' : settled;
    for (const { text } of images) {
      this.#request.onEvent({ type: 'finished', reference: text, outcome, tags: 1, message });
    }
  }

  #labelOf(image: SourceImage, digest: Digest | undefined): string {
    return labelOf({ ...(digest !== undefined && { digest }), ...referenceOf(image, this.#request.session) });
  }

  // Lines of tags that were not asked for stay, unless they are to go.
  async #writeTable(): Promise<void> {
    const { prune, signal } = this.#request;
    const before = new TextDecoder().decode((await this.#folder.read(TABLE, MAX_TABLE_BYTES)) ?? new Uint8Array());
    const isComplete = signal?.aborted !== true && this.#settledCount() === this.#tags.wanted;
    const old = parseTable(before).filter(({ label }) => !prune || !isComplete || this.#unsettled.has(label));
    const rows = new Map(old.map((row) => [row.label, row]));
    for (const [label, row] of this.#rows) rows.set(label, row);
    const text = formatTable(rows.values());
    if (text !== before) await this.#folder.write(TABLE, new TextEncoder().encode(text));
    // Of tags that could not be looked at nobody knows what they need.
    if (prune && isComplete && this.#unsettled.size === 0) await this.#prune();
  }

  #settledCount(): number {
    const { written, upToDate, pending, deferred, failed } = this.#tags;
    return written + upToDate + pending + deferred + failed;
  }

  async #prune(): Promise<void> {
    const { isOurs } = DUMP_NAMES[this.#request.naming];
    const left: string[] = [];
    for await (const name of this.#folder.names()) if (isOurs(name) && !this.#kept.has(name)) left.push(name);
    for (const name of left) await this.#folder.remove(name);
    this.#files.removed = left.length;
  }
}

/** Of the upstreams, and of their mirrors. */
function sourcesOf(images: readonly SourceImage[]): ReadonlyMap<string, Traffic> {
  const upstreams = new Set(images.flatMap(({ place }) => place.upstream ?? []));
  const registries = [...upstreams].flatMap(({ registry, mirrors }) => [
    registry,
    ...mirrors.map((each) => each.registry),
  ]);
  return new Map(registries.map(({ name, traffic }) => [name, traffic]));
}
