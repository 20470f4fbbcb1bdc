import { forEach } from '../async/for-each.ts';
import type { Placements, TargetRepository } from '../copy/placements.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import { type Call, keepsSparseIndexes } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { ApplyTarget, PlacedBundledImage, PlacedRepository } from './apply.ts';
import type { Bundle } from './bundle.ts';
import { type LockFile, type LockedManifest, contentsOf } from './lock-file.ts';

interface Wanting {
  readonly digest: Digest;
  readonly reference: string;
}

const QUESTIONS_AT_ONCE = 16;
const SHOWN = 5;

/** What a target has of that which a bundle leaves out. */
export class TargetContents {
  readonly #bundle: Bundle;
  readonly #target: ApplyTarget;
  readonly #placements: Placements;
  readonly #call: Call;
  readonly #answers = new Map<string, Promise<boolean>>();

  constructor(bundle: Bundle, target: ApplyTarget, placements: Placements, { signal }: Call) {
    this.#bundle = bundle;
    this.#target = target;
    this.#placements = placements;
    this.#call = { signal };
  }

  /**
   * What other repositories of the target have is noted, so that it is mounted from there. Throws UsageError that says
   * what is missing.
   */
  async check(images: readonly PlacedBundledImage[]): Promise<void> {
    const { lock } = this.#bundle;
    if (lock === undefined || lock.absent.length === 0) return;
    const manifests = new Map(lock.manifests.map((each) => [each.digest, each]));
    const absent = new Map(lock.absent.map(({ digest, at }) => [digest, at]));
    const missing = new Map<Digest, Wanting>();
    await forEach(distinct(images), QUESTIONS_AT_ONCE, async ({ image, to }) => {
      // An image that is there is there whole.
      if (await this.#has(to, image.digest, true)) return;
      const contents = contentsOf(image.digest, manifests);
      const wanted = [...contents.manifests.map(({ digest }) => digest), ...contents.blobs];
      for (const digest of wanted) {
        const at = absent.get(digest);
        if (at === undefined || missing.has(digest)) continue;
        const isThere = await this.#find(digest, to, at, manifests);
        if (!isThere) missing.set(digest, { digest, reference: image.text });
      }
    });
    if (missing.size > 0) throw lacks(this.#target, this.#bundle, [...missing.values()], lock);
  }

  async #find(
    digest: Digest,
    to: PlacedRepository,
    at: string,
    manifests: ReadonlyMap<Digest, LockedManifest>,
  ): Promise<boolean> {
    const isManifest = manifests.has(digest);
    if (await this.#has(to, digest, isManifest)) return true;
    if (at === '') return false;
    const other = this.#target.repository(at);
    if (!(await this.#has(other, digest, isManifest))) return false;
    const holder: TargetRepository = { ...other, isNew: false };
    const already = () => Promise.resolve();
    await this.#placements.place(holder, digest, { send: already, mount: already });
    return true;
  }

  #has(repository: PlacedRepository, digest: Digest, isManifest: boolean): Promise<boolean> {
    const key = `${repository.name} ${digest}`;
    const answer = this.#answers.get(key) ?? this.#ask(repository, digest, isManifest);
    this.#answers.set(key, answer);
    return answer;
  }

  async #ask({ target }: PlacedRepository, digest: Digest, isManifest: boolean): Promise<boolean> {
    try {
      if (!isManifest) return (await target.statBlob(digest, this.#call)) !== undefined;
      // An index may be there without some of its images.
      if (keepsSparseIndexes(target)) return await target.holds(digest, []);
      await target.resolve(digest, this.#call);
      return true;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return false;
    }
  }
}

/** Several tags of one image in one repository need the same. */
function distinct(images: readonly PlacedBundledImage[]): Iterable<PlacedBundledImage> {
  return new Map(images.map((each) => [`${each.to.name} ${each.image.digest}`, each])).values();
}

function lacks(target: ApplyTarget, bundle: Bundle, missing: readonly Wanting[], lock: LockFile): UsageError {
  const sizes = new Map([...lock.manifests, ...lock.blobs].map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const bytes = missing.reduce((sum, { digest }) => sum + (sizes.get(digest) ?? 0), 0);
  const shown = missing.slice(0, SHOWN).map(({ digest, reference }) => `${digest} of ${reference}`);
  const more = missing.length > SHOWN ? `, and ${missing.length - SHOWN} more` : '';
  return new UsageError(
    `${bundle.label} leaves out what was there when it was made, and ${target.label} lacks ${missing.length} of that ` +
      `(${bytes} bytes): ${shown.join(', ')}${more}; apply first the bundle that it was made since, or make one ` +
      'without --since. Nothing was changed',
  );
}
