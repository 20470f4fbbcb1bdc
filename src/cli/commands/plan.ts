import { buildJob } from '../../app/build-job.ts';
import type { Call } from '../../oci/repository.ts';
import type { PullBudget } from '../../remote/pull-ledger.ts';
import { RemoteError } from '../../remote/remote-error.ts';
import type { ResolvedImage } from '../../sync/discover.ts';
import type { SyncJob } from '../../sync/job.ts';
import { type BudgetReport, budgetReport } from '../../sync/report.ts';
import { planJob } from '../../sync/run.ts';
import { chooseJobs } from '../choose-jobs.ts';
import { openSession } from '../open-session.ts';
import { formatBytes, formatCount, formatDuration, plural } from '../output/format.ts';
import { Progress } from '../output/progress.ts';
import { formatTable } from '../output/table.ts';
import { type SyncFlags, beliefOf } from '../sync-flags.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';

interface Flags extends SyncFlags {
  readonly config?: string | undefined;
  readonly json?: true | undefined;
}

interface RepositoryCost {
  readonly repository: string;
  readonly images: number;
  readonly tags: number;
  /** Counted requests, at most. */
  readonly pulls: number;
  /** Of layers, at most: what images share and what the target has is not sent. */
  readonly bytes: number;
  /** Not of all of it where some image's size is for its manifest to say. */
  readonly isSizeKnown: boolean;
}

interface JobPlan {
  readonly name: string;
  readonly wanted: { readonly images: number; readonly tags: number };
  readonly toCopy: RepositoryCost;
  readonly repositories: readonly RepositoryCost[];
  readonly pending: number;
  readonly failures: readonly { reference: string; message: string }[];
  readonly pullsLeft: number | null;
  /** `null`: not metered, or nobody said. */
  readonly limit: BudgetReport | null;
  /** How long the pulls make it last, at most; `null` where that is not known, or for ever. */
  readonly secondsUnderLimit: number | null;
  /** Manifests that mirrors have take no pulls. */
  readonly hasMirrors: boolean;
}

/** Prints what each job would copy, and what that costs at most. */
export async function runPlans(names: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { terminal } = context;
  await using session = openSession(flags, terminal);
  const plans: JobPlan[] = [];
  for (const config of await chooseJobs(names, flags, session, context)) {
    const reserve = session.config.upstreams.get(config.from)?.reservedPulls ?? 0;
    plans.push(await planOf(await buildJob(config, session), { ...flags, reserve }, context));
  }
  if (flags.json === true) printJson(terminal, { version: 1, jobs: plans });
  else for (const plan of plans) printPlan(terminal, plan);
  if (plans.some(({ failures }) => failures.length > 0)) context.exitWith(1);
}

async function planOf(
  job: SyncJob,
  { reserve, ...flags }: Flags & { readonly reserve: number },
  { terminal, signal }: CommandContext,
): Promise<JobPlan> {
  const { ledger } = job.upstream.registry;
  using progress = new Progress({ terminal, now: Date.now, pullsLeft: () => ledger.budget?.remaining });
  const repositories: RepositoryCost[] = [];
  let example: ResolvedImage | undefined;
  const options = { ...beliefOf(flags), signal, now: Date.now, onEvent: progress.onEvent };
  const report = await planJob(job, options, ({ actions }, wanted) => {
    if (actions.length === 0) return;
    example ??= actions[0]?.image;
    repositories.push({
      repository: wanted.name,
      images: actions.length,
      tags: sum(actions.map(({ tags }) => tags.length)),
      pulls: sum(actions.map(({ cost }) => cost.pulls)),
      bytes: sum(actions.map(({ cost }) => cost.bytes)),
      isSizeKnown: actions.every(({ cost }) => cost.isKnown),
    });
  });
  if (example !== undefined) await learnLimit(job, example, { signal });
  const toCopy = totalOf(repositories);
  const { budget } = ledger;
  repositories.sort((one, other) => (one.repository < other.repository ? -1 : 1));
  return {
    name: job.name,
    wanted: { images: report.images.wanted, tags: report.tags.wanted },
    toCopy,
    repositories,
    pending: report.tags.pending,
    failures: report.failures.map(({ reference, message }) => ({ reference, message })),
    pullsLeft: budget?.remaining ?? null,
    limit: budget === undefined ? null : budgetReport(budget),
    secondsUnderLimit:
      budget === undefined ? null : secondsUnderLimit(toCopy.pulls, budget, { reserve, nowMs: Date.now() }),
    hasMirrors: job.upstream.mirrors.some((mirror) => mirror.isFor('manifests')),
  };
}

/** Where the web API told everything, nobody has said yet how many pulls are left: a HEAD does, and takes none. */
async function learnLimit({ upstream }: SyncJob, { repository, digest }: ResolvedImage, call: Call): Promise<void> {
  if (upstream.registry.hasHeardOfPulls) return;
  try {
    await upstream.authority(repository).resolve(digest, call);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
  }
}

/**
 * When the last of so many pulls can be made, at the latest. In each window there is its limit without the reserve: a
 * part at its start, as now, and the rest when what others have spent comes back. `null`: never.
 */
export function secondsUnderLimit(
  pulls: number,
  { limit, remaining, windowSeconds, resetsByMs }: PullBudget,
  { reserve, nowMs }: { readonly reserve: number; readonly nowMs: number },
): number | null {
  if (pulls <= 0) return 0;
  const inWindow = limit - reserve;
  if (inWindow <= 0) return null;
  const windows = Math.ceil(pulls / inWindow) - 1;
  const inLast = pulls - windows * inWindow;
  const restSeconds = inLast <= remaining - reserve ? 0 : Math.max(0, Math.ceil((resetsByMs - nowMs) / 1000));
  return windows * windowSeconds + restSeconds;
}

function totalOf(repositories: readonly RepositoryCost[]): RepositoryCost {
  const of = (key: 'images' | 'tags' | 'pulls' | 'bytes') => sum(repositories.map((cost) => cost[key]));
  const isSizeKnown = repositories.every((cost) => cost.isSizeKnown);
  return {
    repository: 'all',
    images: of('images'),
    tags: of('tags'),
    pulls: of('pulls'),
    bytes: of('bytes'),
    isSizeKnown,
  };
}

function printPlan(terminal: Terminal, plan: JobPlan): void {
  const { wanted, toCopy, repositories, pending, failures } = plan;
  const cells = (cost: RepositoryCost) => [
    cost.repository,
    ...[cost.images, cost.tags, cost.pulls].map(formatCount),
    sizeOf(cost),
  ];
  if (repositories.length > 0) {
    const rows = [...repositories, ...(repositories.length > 1 ? [toCopy] : [])].map(cells);
    terminal.out(formatTable(['REPOSITORY', 'IMAGES', 'TAGS', 'PULLS AT MOST', 'SIZE AT MOST'], rows));
  }
  const rest = pending > 0 ? `; ${plural(pending, 'tag')} not there yet` : '';
  terminal.out(
    `${plan.name}: ${plural(toCopy.tags, 'tag')} of ${formatCount(wanted.tags)} to copy, in ${plural(toCopy.images, 'image')}${rest}\n`,
  );
  terminal.out(limitOf(plan));
  for (const { reference, message } of failures) terminal.out(`failed: ${reference}: ${message}\n`);
}

function sizeOf({ bytes, isSizeKnown }: RepositoryCost): string {
  if (isSizeKnown) return formatBytes(bytes);
  return bytes === 0 ? '?' : `${formatBytes(bytes)} and more`;
}

function limitOf({ limit, secondsUnderLimit, toCopy, hasMirrors }: JobPlan): string {
  if (limit === null) return '';
  const { remaining, windowSeconds } = limit;
  const every = `${formatCount(remaining)} of ${formatCount(limit.limit)} every ${formatDuration(windowSeconds)}`;
  const unless = hasMirrors ? ', less what mirrors have' : '';
  const takes =
    secondsUnderLimit === null
      ? 'the reserve leaves none to copy with'
      : secondsUnderLimit === 0
        ? 'enough for all of it'
        : `${plural(toCopy.pulls, 'pull')} take ${formatDuration(secondsUnderLimit)} at most${unless}`;
  return `pulls left: ${every}${toCopy.images === 0 ? '' : `; ${takes}`}\n`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
