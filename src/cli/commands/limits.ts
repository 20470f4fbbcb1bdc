import type { Command } from '@commander-js/extra-typings';
import { DOCKER_HUB, parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { RemoteError } from '../../remote/remote-error.ts';
import type { PullBudget } from '../../remote/pull-ledger.ts';
import { openSession } from '../open-session.ts';
import { formatDuration } from '../output/format.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** Docker's own probe: a HEAD of it spends nothing and carries the headers (usage documentation, "pulls"). */
const PROBE = { repository: parseRepositoryName('ratelimitpreview/test'), tag: parseTag('latest') };

/** `wharf limits`: who is charged for pulls, and how many are left. Spends none. */
export function addLimitsCommand(program: Command, context: CommandContext): void {
  program
    .command('limits')
    .description('Say how many pulls are left, of how many, for whom, and when they come back; spends none')
    .argument('[upstream]', 'the name of an upstream', DOCKER_HUB)
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the budget as JSON')
    .action(async (name, flags) => {
      const { terminal, signal } = context;
      await using session = openSession(flags, terminal);
      const upstream = session.upstream(name);
      try {
        await upstream.authority(PROBE.repository).resolve(PROBE.tag, { signal });
      } catch (error) {
        // Spent is an answer too. An upstream without the probe tells nothing; a refused login is no limit.
        const isAnswer =
          error instanceof RemoteError && ['PULL_LIMIT', 'MANIFEST_UNKNOWN', 'DENIED'].includes(error.code);
        if (!isAnswer) throw error;
      }
      const { budget } = upstream.registry.ledger;
      if (flags.json === true)
        printJson(terminal, { version: 1, upstream: name, metered: budget !== undefined, ...toJson(budget) });
      else terminal.out(`${name}: ${describe(budget)}\n`);
    });
}

function toJson(budget: PullBudget | undefined) {
  if (budget === undefined) return {};
  const { limit, remaining, windowSeconds, source, resetsByMs } = budget;
  return { source: source ?? null, limit, remaining, windowSeconds, resetsBy: new Date(resetsByMs).toISOString() };
}

function describe(budget: PullBudget | undefined): string {
  if (budget === undefined) return 'not metered';
  const { limit, remaining, windowSeconds, source, resetsByMs } = budget;
  const whom = source === undefined ? '' : ` for ${source}`;
  const reset = new Date(resetsByMs).toISOString();
  return `${remaining} of ${limit} pulls left in ${formatDuration(windowSeconds)}${whom}; all of them are back at the latest at ${reset}`;
}
