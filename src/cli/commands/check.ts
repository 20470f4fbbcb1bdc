import { randomUUID } from 'node:crypto';
import type { Command } from '@commander-js/extra-typings';
import type { Session } from '../../app/session.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { CheckEvent, Finding } from '../../store/check-finding.ts';
import type { Sample } from '../../store/check-sample.ts';
import { type CheckTotals, checkStore } from '../../store/check-store.ts';
import { Repairs } from '../../store/repair-content.ts';
import { openSession } from '../open-session.ts';
import { CheckProgress } from '../output/check-progress.ts';
import { formatBytes, formatCount, plural } from '../output/format.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** What `wharf check --json` prints. */
interface CheckReport extends Pick<CheckTotals, 'blobs' | 'manifests'> {
  readonly version: 1;
  readonly findings: readonly Finding[];
}

/** `wharf check`: proves that the store is whole, beside a `wharf serve` on the same data folder. */
export function addCheckCommand(program: Command, context: CommandContext): void {
  program
    .command('check')
    .description('Prove that the store is whole: hash its blobs again, and find what is missing')
    .option('--sample <part>', 'hash only a part of the blobs, such as 10% or 500, another one each time')
    .option('--repair', 'fetch what is corrupt or missing again from where it came')
    .option('--no-quarantine', 'leave corrupt blobs in their place, where they are served')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', CHECK_EXAMPLES)
    .action(async ({ sample, repair, quarantine, json, config }) => {
      const { terminal, signal } = context;
      if (repair === true && !quarantine) {
        throw new UsageError('--repair replaces what --no-quarantine leaves in its place; give only one of them');
      }
      const chosen = sample === undefined ? undefined : parseSample(sample);
      await using session = openSession({ config }, terminal);
      const store = await session.store();
      using progress = new CheckProgress({ terminal, now: Date.now, isQuiet: json === true });
      const findings: Finding[] = [];
      const onEvent = (event: CheckEvent) => {
        progress.onEvent(event);
        if (event.type !== 'found') return;
        if (json === true) findings.push(event.finding);
        else terminal.out(`${event.finding.kind}: ${event.finding.message}\n`);
      };
      const totals = await checkStore(store, {
        sample: chosen,
        seed: randomUUID(),
        leaveCorrupt: !quarantine,
        repairs: repair === true ? await openRepairs(session) : undefined,
        onEvent,
        signal,
      });
      progress[Symbol.dispose]();
      const { blobs, manifests } = totals;
      if (json === true) printJson(terminal, { version: 1, blobs, manifests, findings } satisfies CheckReport);
      else terminal.err(`${describe(totals)}\n`);
      if (totals.findings > totals.repaired) context.exitWith(1);
    });
}

const CHECK_EXAMPLES = `
Examples:
  wharf check                                             all blobs, all manifests, all tags
  wharf check --sample 10%                                every night, another tenth of the blobs
  wharf check --repair                                    and fetch again what is lost; manifests cost a pull each

Exit codes: 0 the store is whole, or is again; 1 something is wrong with it, one line each; 2 wrong usage.
`;

async function openRepairs(session: Session): Promise<Repairs> {
  return new Repairs({ ...(await session.store()), source: session.repairSource() });
}

function parseSample(text: string): Sample {
  const [, number = '', percent] = /^(\d+(?:\.\d+)?)(%)?$/.exec(text) ?? [];
  const value = Number(number);
  if (number !== '' && percent === '%' && value > 0 && value <= 100) return { share: value / 100 };
  if (number !== '' && percent === undefined && Number.isSafeInteger(value) && value > 0) return { count: value };
  throw new UsageError(`"${text}" is no part of the blobs; write --sample 10% or --sample 500`);
}

function describe({ blobs, manifests, findings, repaired }: CheckTotals): string {
  const what = `hashed ${plural(blobs.checked, 'blob')} (${formatBytes(blobs.bytes)}) and ${plural(manifests, 'manifest')}`;
  if (findings === 0) return `${what}: the store is whole`;
  return `${what}: ${plural(findings, 'finding')}, ${formatCount(repaired)} repaired`;
}
