import type { Command } from '@commander-js/extra-typings';
import { buildSelection } from '../../app/build-job.ts';
import { namesOfAccounts } from '../../app/known-accounts.ts';
import { policyWarnings } from '../../app/policy-warnings.ts';
import { findConfigFile, loadConfig } from '../open-session.ts';
import { plural } from '../output/format.ts';
import type { CommandContext } from '../terminal.ts';
import { addConfigImportCommand } from './config-import.ts';

/** `wharf config`: whether the configuration can be used, and one made of a registry's. */
export function addConfigCommand(program: Command, context: CommandContext): void {
  const config = program.command('config').description('Work with the configuration');
  config
    .command('check')
    .description('Say whether the configuration is valid, and what is wrong with it')
    .argument('[file]', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .action(async (file) => {
      const { terminal } = context;
      const found = findConfigFile({ config: file }, terminal);
      const loaded = loadConfig({ config: file }, terminal);
      const { upstreams, sync } = loaded;
      for (const job of sync) await buildSelection(job);
      const warnings = loaded.accounts === undefined ? [] : policyWarnings(loaded, namesOfAccounts(loaded));
      for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
      const what = found ?? 'the built-in configuration (no file was found)';
      terminal.out(`${what} is valid: ${plural(upstreams.size, 'upstream')}, ${plural(sync.length, 'job')}\n`);
    });
  addConfigImportCommand(config, context);
}
