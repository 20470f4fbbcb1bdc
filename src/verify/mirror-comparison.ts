// All that is found at one mirror.
import type { Clock } from '../async/clock.ts';
import { formatReference } from '../oci/reference.ts';
import type { Call, Resolution, Source } from '../oci/repository.ts';
import { AskedMirror } from './asked-mirror.ts';
import type { KnownRepository } from './authority-answers.ts';
import { ImageComparison, type WrongPart } from './compare-images.ts';
import { comparePlatforms, compareTag } from './compare-tags.ts';
import type { OnVerifyEvent } from './events.ts';
import { FINDINGS, type Finding, type Outcome, SAME, worstOf } from './findings.ts';
import { type MirrorReport, noCounts } from './report.ts';
import { judgeOther } from './staleness.ts';
import type { RecordedOutcome, TagAtMirror, Verification, VerifiedMirror } from './verification.ts';

export interface MirrorComparisonOptions extends Call, Pick<Verification, 'depth' | 'platforms' | 'record'> {
  readonly mirror: VerifiedMirror;
  readonly clock: Clock;
  readonly onEvent: OnVerifyEvent;
}

interface Repository {
  readonly source: Source;
  readonly images: ImageComparison;
}

const SHOWN_PARTS = 3;

export class MirrorComparison {
  readonly #options: MirrorComparisonOptions;
  readonly #asked: AskedMirror;
  readonly #counts = noCounts();
  readonly #findings: Finding[] = [];
  #skipped = 0;
  // Tags come repository by repository, and one may begin while the last tags of another are compared.
  readonly #repositories = new WeakMap<KnownRepository, Repository>();

  constructor(options: MirrorComparisonOptions) {
    this.#options = options;
    const { mirror, clock, signal, onEvent } = options;
    const onGivenUp = (reason: string) => onEvent({ type: 'givenUp', mirror: mirror.name, reason });
    this.#asked = new AskedMirror({ name: mirror.name, clock, signal, onGivenUp });
  }

  async compare(at: TagAtMirror): Promise<void> {
    const { mirror, record, depth, onEvent } = this.#options;
    const { authority, repository, tag, resolution } = at;
    const there = mirror.isWanted?.(at) === false ? undefined : this.#repository(at);
    if (there === undefined) {
      this.#skipped += 1;
      return;
    }
    const reference = formatReference({ domain: authority.name, repository, tag });
    const expected = resolution.descriptor.digest;
    const comparison = { mirror: mirror.name, reference, expected, depth };
    let outcome = record?.find(comparison);
    if (outcome === undefined) {
      const judged = await this.#judge(at, there);
      outcome = {
        finding: judged.finding,
        expected: judged.expected ?? expected,
        found: judged.found ?? null,
        detail: judged.detail ?? FINDINGS[judged.finding].sentence,
      };
      record?.add(comparison, outcome);
    }
    this.#count(reference, outcome);
    onEvent({ type: 'compared', mirror: mirror.name, finding: outcome.finding });
  }

  /** In the order of the references, whatever the order of the answers was. */
  report(): MirrorReport {
    const findings = this.#findings.toSorted((one, other) => (one.reference < other.reference ? -1 : 1));
    return { mirror: this.#options.mirror.name, counts: this.#counts, skipped: this.#skipped, findings };
  }

  #count(reference: string, { finding, expected, found, detail }: RecordedOutcome): void {
    this.#counts[finding] += 1;
    if (finding !== 'same') this.#findings.push({ reference, finding, expected, found, detail });
  }

  #repository({ authority, repository, known }: TagAtMirror): Repository | undefined {
    const opened = this.#repositories.get(known);
    if (opened !== undefined) return opened;
    const { mirror, depth, platforms, onEvent } = this.#options;
    const source = mirror.repository(authority.name, repository);
    if (source === undefined) return undefined;
    const onBytes = (count: number) => onEvent({ type: 'bytes', count });
    const images = new ImageComparison({ source, asked: this.#asked, depth, platforms, onBytes });
    this.#repositories.set(known, { source, images });
    return { source, images };
  }

  async #judge(at: TagAtMirror, there: Repository): Promise<Outcome> {
    const answer = await this.#asked.ask((call) => there.source.resolve(at.tag, call));
    if ('failure' in answer) return answer.failure;
    const expected = at.resolution.descriptor;
    const found = answer.answer.descriptor;
    const compared = compareTag(expected, found);
    if (compared === 'different') return await this.#judgeOther(at, there, found);
    const tag = compared === 'mediaType' ? await this.#confirmMediaType(at, found.mediaType) : SAME;
    if (this.#options.depth === 'tags') return tag;
    const wrong = await there.images.compare(expected);
    return worstOf([describeParts(wrong), tag]) ?? SAME;
  }

  // A web API may leave the media type out, so the registry itself is asked before anybody is accused.
  async #confirmMediaType({ known, resolution }: TagAtMirror, found: string): Promise<Outcome> {
    const confirmed = (await known.lookUp(resolution.descriptor.digest))?.mediaType;
    if (confirmed === undefined || confirmed === found) return SAME;
    return { finding: 'mediaType', expected: confirmed, found };
  }

  async #judgeOther(at: TagAtMirror, there: Repository, { digest }: Resolution['descriptor']): Promise<Outcome> {
    const { authority, tag, known, resolution } = at;
    const read = this.#options.depth === 'tags' ? undefined : await there.images.read(digest);
    if (read !== undefined && 'failure' in read) {
      const isMissing = read.failure.finding === 'missing';
      const detail = isMissing ? 'the mirror names that digest for the tag, and does not have it' : read.failure.detail;
      return { ...read.failure, found: digest, detail };
    }
    const past = await known.pastOf(tag);
    const meantBy = known.tagsOf.get(digest);
    const isKnown = meantBy !== undefined || past.some((one) => one.digest === digest);
    const seen = isKnown ? undefined : await known.lookUp(digest);
    const judged = judgeOther(digest, {
      upstream: authority.name,
      past,
      meantBy,
      isAuthoritys: seen === undefined ? undefined : seen !== null,
      nowMs: this.#options.clock.now(),
    });
    const platforms = read?.answer && comparePlatforms(resolution.parts, read.answer);
    return { ...judged, detail: [judged.detail, platforms].filter((part) => part !== undefined).join('; ') };
  }
}

/** One outcome of all that is wrong below a tag: the worst of it, and which parts it is about. */
function describeParts(wrong: readonly WrongPart[]): Outcome {
  const worst = worstOf(wrong);
  if (worst === undefined) return SAME;
  const shown = wrong
    .toSorted((one, other) => Number(other.finding === worst.finding) - Number(one.finding === worst.finding))
    .slice(0, SHOWN_PARTS)
    .map(({ part, finding, detail = finding }) => `${part}: ${detail}`);
  const more = wrong.length - shown.length;
  const { finding, expected, found } = worst;
  return { finding, expected, found, detail: [...shown, ...(more > 0 ? [`and ${more} parts more`] : [])].join('; ') };
}
