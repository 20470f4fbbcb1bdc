// The run: what each tag means comes from the authority once, and each mirror is compared with it at its own pace.
import type { Clock } from '../async/clock.ts';
import { forEach } from '../async/for-each.ts';
import { isNotFound } from '../oci/errors.ts';
import { formatReference } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { AuthorityAnswers, type KnownRepository, type WantedTags } from './authority-answers.ts';
import type { OnVerifyEvent } from './events.ts';
import { findingOf } from './findings.ts';
import { MirrorComparison } from './mirror-comparison.ts';
import type { AuthorityCounts, MirrorReport, VerifyReport } from './report.ts';
import type { TagAtMirror, Verification } from './verification.ts';

export interface VerifyCall extends Call {
  readonly clock: Clock;
  readonly onEvent?: OnVerifyEvent | undefined;
}

const REPOSITORIES_AHEAD = 6;
/** More than a mirror is asked at once, so that it always has a question to answer. */
const TAGS_AT_ONCE = 32;

/** Never throws for what a mirror or the authority does. `reference` of findings is the full name. */
export async function verifyMirrors(
  verification: Verification,
  { clock, onEvent = () => undefined, signal }: VerifyCall,
): Promise<Omit<VerifyReport, 'sample'>> {
  const { mirrors, wanted, depth, history } = verification;
  const startedMs = clock.monotonic();
  const tags = { wanted: countTags(wanted), resolved: 0, pending: 0, deferred: 0, failed: 0 };
  const failures: { reference: string; message: string }[] = [];
  const answers = new AuthorityAnswers({
    signal,
    history,
    keepsParts: depth !== 'tags',
    readers: mirrors.length,
    onKnown: (of, known) => tally(of, known, tags, failures),
  });
  onEvent({ type: 'planned', comparisons: tags.wanted * mirrors.length, mirrors: mirrors.length });
  const reports = await Promise.all(
    mirrors.map(async (mirror): Promise<MirrorReport> => {
      const comparison = new MirrorComparison({ ...verification, mirror, clock, signal, onEvent });
      await forEach(tagsOf(wanted, answers), TAGS_AT_ONCE, (tag) => comparison.compare(tag));
      return comparison.report();
    }),
  );
  const seconds = (clock.monotonic() - startedMs) / 1000;
  return { version: 1, depth, tags, mirrors: reports, failures, seconds };
}

/** The tags that the authority resolved, while it is asked for those to come. */
async function* tagsOf(wanted: readonly WantedTags[], answers: AuthorityAnswers): AsyncGenerator<TagAtMirror> {
  for (const [at, of] of wanted.entries()) {
    for (const next of wanted.slice(at, at + REPOSITORIES_AHEAD)) answers.begin(next);
    const known = await answers.take(of);
    for (const tag of of.tags) {
      const resolution = known.resolutions.get(tag);
      if (resolution !== undefined && !(resolution instanceof Error)) yield { ...of, tag, resolution, known };
    }
  }
}

function tally(
  { authority, repository, tags: wanted }: WantedTags,
  { resolutions }: KnownRepository,
  tags: { -readonly [key in keyof AuthorityCounts]: number },
  failures: { reference: string; message: string }[],
): void {
  for (const tag of wanted) {
    const resolution = resolutions.get(tag);
    if (!(resolution instanceof Error)) tags.resolved += 1;
    else if (isNotFound(resolution)) tags.pending += 1;
    else if (findingOf(resolution).finding === 'limited') tags.deferred += 1;
    else {
      tags.failed += 1;
      const reference = formatReference({ domain: authority.name, repository, tag });
      failures.push({ reference, message: resolution.message });
    }
  }
}

function countTags(wanted: readonly WantedTags[]): number {
  return wanted.reduce((sum, { tags }) => sum + tags.length, 0);
}
