import { buildJob } from '../../app/build-job.ts';
import type { SyncJob } from '../../sync/job.ts';
import { planJob } from '../../sync/run.ts';
import { chooseJobs } from '../choose-jobs.ts';
import { openSession } from '../open-session.ts';
import { formatBytes, formatCount, plural } from '../output/format.ts';
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
}

interface JobPlan {
  readonly name: string;
  readonly wanted: { readonly images: number; readonly tags: number };
  readonly toCopy: RepositoryCost;
  readonly repositories: readonly RepositoryCost[];
  readonly pending: number;
  readonly failures: readonly { reference: string; message: string }[];
  readonly pullsLeft: number | null;
}

/** Prints what each job would copy, and what that costs at most. */
export async function runPlans(names: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { terminal } = context;
  await using session = openSession(flags, terminal);
  const plans: JobPlan[] = [];
  for (const config of await chooseJobs(names, flags, session, context)) {
    plans.push(await planOf(await buildJob(config, session), flags, context));
  }
  if (flags.json === true) printJson(terminal, { version: 1, jobs: plans });
  else for (const plan of plans) printPlan(terminal, plan);
  if (plans.some(({ failures }) => failures.length > 0)) context.exitWith(1);
}

async function planOf(job: SyncJob, flags: Flags, { terminal, signal }: CommandContext): Promise<JobPlan> {
  const { ledger } = job.upstream.registry;
  using progress = new Progress({ terminal, now: Date.now, pullsLeft: () => ledger.budget?.remaining });
  const repositories: RepositoryCost[] = [];
  const options = { ...beliefOf(flags), signal, now: Date.now, onEvent: progress.onEvent };
  const report = await planJob(job, options, ({ actions }, wanted) => {
    if (actions.length === 0) return;
    repositories.push({
      repository: wanted.name,
      images: actions.length,
      tags: sum(actions.map(({ tags }) => tags.length)),
      pulls: sum(actions.map(({ cost }) => cost.pulls)),
      bytes: sum(actions.map(({ cost }) => cost.bytes)),
    });
  });
  repositories.sort((one, other) => (one.repository < other.repository ? -1 : 1));
  return {
    name: job.name,
    wanted: { images: report.images.wanted, tags: report.tags.wanted },
    toCopy: totalOf(repositories),
    repositories,
    pending: report.tags.pending,
    failures: report.failures.map(({ reference, message }) => ({ reference, message })),
    pullsLeft: ledger.budget?.remaining ?? null,
  };
}

function totalOf(repositories: readonly RepositoryCost[]): RepositoryCost {
  const of = (key: 'images' | 'tags' | 'pulls' | 'bytes') => sum(repositories.map((cost) => cost[key]));
  return { repository: 'all', images: of('images'), tags: of('tags'), pulls: of('pulls'), bytes: of('bytes') };
}

function printPlan(terminal: Terminal, plan: JobPlan): void {
  const { wanted, toCopy, repositories, pending, failures, pullsLeft } = plan;
  const cells = (cost: RepositoryCost) => [
    cost.repository,
    ...[cost.images, cost.tags, cost.pulls].map(formatCount),
    cost.bytes === 0 ? '?' : formatBytes(cost.bytes),
  ];
  if (repositories.length > 0) {
    const rows = [...repositories, ...(repositories.length > 1 ? [toCopy] : [])].map(cells);
    terminal.out(formatTable(['REPOSITORY', 'IMAGES', 'TAGS', 'PULLS AT MOST', 'SIZE AT MOST'], rows));
  }
  const rest = pending > 0 ? `; ${plural(pending, 'tag')} not there yet` : '';
  terminal.out(
    `${plan.name}: ${plural(toCopy.tags, 'tag')} of ${formatCount(wanted.tags)} to copy, in ${plural(toCopy.images, 'image')}${rest}\n`,
  );
  if (pullsLeft !== null) terminal.out(`pulls left: ${formatCount(pullsLeft)}\n`);
  for (const { reference, message } of failures) terminal.out(`failed: ${reference}: ${message}\n`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
