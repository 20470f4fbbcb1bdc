import type { Command } from '@commander-js/extra-typings';
import { askAdmin } from '../../app/ask-admin.ts';
import { historyOfJob, statusOfJob } from '../../app/job-status.ts';
import type { Config } from '../../config/config.ts';
import { JOB_COMMANDS, type JobCommand, type JobStatus } from '../../http/admin/admin-subject.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { loadConfig, openKnownJournal } from '../open-session.ts';
import { jobTable, runTable } from '../output/job-tables.ts';
import { type CommandContext, printJson } from '../terminal.ts';

interface Flags {
  readonly config?: string | undefined;
  readonly json?: true | undefined;
}

const DONE: Readonly<Record<JobCommand, string>> = {
  run: 'runs now',
  pause: 'is paused; what runs goes on',
  resume: 'follows its schedule again',
  cancel: 'is being stopped; what is at the target is whole',
};

/** `wharf jobs`: how jobs fare, out of the data folder; and what their server is to do with them. */
export function addJobsCommand(program: Command, context: CommandContext): void {
  program
    .command('jobs')
    .description('Say when jobs ran, how that ended, and when they run next; or tell their server to run one')
    .argument('[job]', 'the last runs of this job; or run, pause, resume or cancel')
    .argument('[name]', 'which job to run, pause, resume or cancel')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--json', 'print it as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (first, name, flags) => {
      const config = loadConfig(flags, context.terminal);
      if (first !== undefined && name !== undefined) await tell(config, first, name, flags, context);
      else if (first !== undefined) show(config, first, flags, context);
      else list(config, flags, context);
    });
}

const EXAMPLES = `
Examples:
  wharf jobs                     all jobs of the configuration, also while no server runs; times are UTC
  wharf jobs library             the last runs of one of them
  wharf jobs run library         have the server run it now, whatever its schedule says
  wharf jobs pause library       until wharf jobs resume library; also over a restart
  wharf jobs cancel library      stop its run; the next one goes on from there
`;

async function tell(config: Config, text: string, name: string, flags: Flags, { terminal }: CommandContext) {
  const command = JOB_COMMANDS.find((known) => known === text);
  if (command === undefined)
    throw new UsageError(`"${text}" is nothing to do with a job; there are ${JOB_COMMANDS.join(', ')}`);
  jobOf(config, name);
  const status = await askAdmin(config.admin, 'POST', `/v1/jobs/${name}/${command}`);
  if (flags.json === true) printJson(terminal, { version: 1, ...(status as JobStatus) });
  else terminal.out(`${name} ${DONE[command]}\n`);
}

function show(config: Config, name: string, { json }: Flags, { terminal }: CommandContext): void {
  const job = jobOf(config, name);
  using journal = openKnownJournal(config, terminal);
  const status = journal && statusOfJob(job, journal);
  const runs = journal === undefined ? [] : historyOfJob(job, journal);
  if (json === true) printJson(terminal, { version: 1, name, ...status, runs });
  else terminal.out(`${status === undefined ? '' : `${jobTable([status])}\n`}${runTable(runs)}`);
}

function list(config: Config, { json }: Flags, { terminal }: CommandContext): void {
  using journal = openKnownJournal(config, terminal);
  const jobs = config.sync.map((job) => (journal === undefined ? untouched(job) : statusOfJob(job, journal)));
  if (json === true) printJson(terminal, { version: 1, jobs });
  else if (jobs.length > 0) terminal.out(jobTable(jobs));
  else terminal.err('there is no job in the configuration\n');
}

function untouched({ name, schedule }: Config['sync'][number]): JobStatus {
  const [cron, timeZone] = [schedule?.cron ?? null, schedule?.timeZone ?? null];
  return { name, schedule: cron, timeZone, paused: false, running: false, last: null, next: null };
}

function jobOf({ sync }: Config, name: string) {
  const job = sync.find((candidate) => candidate.name === name);
  if (job !== undefined) return job;
  const names = sync.map((known) => known.name).join(', ');
  throw new UsageError(
    `there is no job "${name}"; ${names === '' ? 'the configuration has none' : `there are ${names}`}`,
  );
}
