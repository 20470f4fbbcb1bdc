import { type Command, Option } from '@commander-js/extra-typings';
import { buildJob } from '../../app/build-job.ts';
import { Notifier } from '../../app/notifier.ts';
import { recordRun } from '../../app/record-run.ts';
import { systemClock } from '../../async/clock.ts';
import { JobLease } from '../../journal/job-lease.ts';
import type { Log } from '../../observe/log.ts';
import type { JobReport, SyncReport } from '../../sync/report.ts';
import { runJob } from '../../sync/run.ts';
import { chooseJobs } from '../choose-jobs.ts';
import { openSession } from '../open-session.ts';
import { Progress } from '../output/progress.ts';
import { printSummary } from '../output/summary.ts';
import { type SyncFlags, addJobFlags, beliefOf } from '../sync-flags.ts';
import { tellRunner } from '../tell-runner.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';
import { runPlans } from './plan.ts';

interface Flags extends SyncFlags {
  readonly config?: string | undefined;
  readonly json?: true | undefined;
  readonly dryRun?: true | undefined;
  readonly deferredOk?: true | undefined;
  readonly recordedElsewhere?: true | undefined;
}

/** `wharf sync` and `wharf plan`: run jobs, or say what that would take. */
export function addSyncCommands(program: Command, context: CommandContext): void {
  addJobFlags(program.command('sync'))
    .description('Copy what is wanted and missing to registries: jobs of the configuration, or what the flags say')
    .option('--json', 'print the report as JSON, and nothing else, on the standard output')
    .option('--dry-run', 'only say what would be done: the same as `wharf plan`')
    .option('--deferred-ok', 'exit 0, not 3, when the pull budget deferred a part')
    // A server writes down the runs that it starts, and tells of them.
    .addOption(new Option('--recorded-elsewhere').hideHelp())
    .addHelpText('after', SYNC_EXAMPLES)
    .action((jobs, flags) => (flags.dryRun === true ? runPlans(jobs, flags, context) : runSyncs(jobs, flags, context)));
  addJobFlags(program.command('plan'))
    .description('Say what a sync would copy and cost at most, without doing it')
    .option('--json', 'print the plan as JSON')
    .action((jobs, flags) => runPlans(jobs, flags, context));
}

const SYNC_EXAMPLES = `
Examples:
  wharf sync                                                   all jobs of the configuration
  wharf sync nightly                                           the job of that name
  wharf sync --library --exclude '*:*windowsservercore*' --to registry.example.com
  wharf sync --images nginx:1.27,ghcr.io/owner/app:2 --to registry.example.com/mirror/
  wharf catalog --library --include 'python:3.*' | wharf sync --file - --to localhost:5000
  REGISTRY_DOMAIN=… REGISTRY_USER=… REGISTRY_PASSWORD=… wharf sync --library

Names at the target: the same path as upstream (library/nginx); HOST/PREFIX/ puts the short name behind the
prefix (PREFIX/nginx); a template may use {repository}, {name} and {upstream}.
`;

async function runSyncs(names: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  await using session = openSession(flags, terminal, { mayRemember: true });
  await using notifier = new Notifier({
    webhooks: () => session.config.notify,
    send: session.send,
    log: notesOf(terminal),
    clock: systemClock,
  });
  const reports: JobReport[] = [];
  for (const config of await chooseJobs(names, flags, session, context)) {
    const job = await buildJob(config, session);
    using _lease = session.journal && JobLease.take(session.journal, config.name, process.pid);
    const { ledger } = job.upstream.registry;
    using progress = new Progress({ terminal, now: Date.now, pullsLeft: () => ledger.budget?.remaining });
    const run = () => runJob(job, { ...beliefOf(flags), signal, now: Date.now, onEvent: progress.onEvent });
    const isOfConfig = session.config.sync.includes(config);
    const journal = isOfConfig && flags.recordedElsewhere !== true ? session.journal : undefined;
    const report = await recordRun(run, {
      job: config.name,
      journal,
      clock: systemClock,
      signal,
      exitCodeOf,
      notifier,
    });
    reports.push(report);
    progress[Symbol.dispose]();
    if (flags.json !== true) printSummary(terminal, report);
  }
  const report: SyncReport = { version: 1, jobs: reports };
  if (flags.json === true) printJson(terminal, report);
  await tellRunner(report, terminal);
  const codes = reports.map(exitCodeOf);
  const isDeferred = codes.includes(3) && flags.deferredOk !== true;
  context.exitWith(codes.includes(1) ? 1 : isDeferred ? 3 : 0);
  await notifier.settle();
}

function exitCodeOf({ failures, tags }: JobReport): number {
  if (failures.length > 0 || tags.failed > 0) return 1;
  return tags.deferred > 0 ? 3 : 0;
}

/** Of what a server logs, what a person has to know. */
function notesOf(terminal: Terminal): Log {
  const nothing = () => undefined;
  const note: Log['warn'] = (message, { host, reason } = {}) => terminal.err(`note: ${message}: ${host} ${reason}\n`);
  return { debug: nothing, info: nothing, warn: note, error: note };
}
