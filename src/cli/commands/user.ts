import type { Command } from '@commander-js/extra-typings';
import { parseAccountName } from '../../accounts/account-name.ts';
import { checkNewPassword } from '../../accounts/new-password.ts';
import { hashPassword } from '../../accounts/password-hash.ts';
import { rotateKeys } from '../../accounts/signing-keys.ts';
import { addAccount, listAccounts, removeAccount, setPassword } from '../../accounts/stored-accounts.ts';
import { KnownAccounts } from '../../app/known-accounts.ts';
import { systemClock } from '../../async/clock.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { loadConfig } from '../open-session.ts';
import { formatTable } from '../output/table.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';
import { addUserTokenCommands } from './user-token.ts';

/** `wharf user`: who may log in to `wharf serve`. A server that runs notices at once. */
export function addUserCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const user = program.command('user').description('Say who may log in to wharf serve').addHelpText('after', USER_HELP);
  user
    .command('add')
    .description('Make an account, with a password or for a robot')
    .argument('<name>', 'letters, digits, ".", "_", "-", "@" and "+"')
    .option('--robot', 'without a password: it logs in with tokens alone')
    .option('--password-stdin', 'read the password from the standard input')
    .option('--config <file>', 'the configuration')
    .action(async (text, { robot = false, passwordStdin = false, config: file }) => {
      const name = parseAccountName(text);
      if (robot && passwordStdin) throw new UsageError('a robot has no password; leave out --password-stdin');
      const config = loadConfig({ config: file }, terminal);
      using known = new KnownAccounts(config);
      if (known.inFile.has(name)) throw new UsageError(`there is an account ${name} already, in ${known.htpasswdFile}`);
      const passwordHash = robot ? undefined : await hashPassword(await newPassword(name, passwordStdin, terminal));
      addAccount(known.store, { name, passwordHash, createdAtMs: systemClock.now() });
      terminal.out(`added ${name}\n`);
      if (robot) terminal.err(`\`wharf user token create ${name}\` makes what it logs in with\n`);
      if (config.accounts === undefined) terminal.err(NOT_YET);
    });
  user
    .command('list')
    .description('Show the accounts')
    .option('--json', 'print them as JSON')
    .option('--config <file>', 'the configuration')
    .action(({ json = false, config }) => {
      using known = new KnownAccounts(loadConfig({ config }, terminal));
      const accounts = describeAccounts(known);
      if (json) printJson(terminal, { version: 1, accounts });
      else
        terminal.out(
          formatTable(
            ['NAME', 'KIND', 'FROM'],
            accounts.map(({ name, kind, from }) => [name, kind, from]),
          ),
        );
    });
  user
    .command('passwd')
    .description('Give an account another password; whoever is logged in with the old one has to log in again')
    .argument('<name>', 'the account')
    .option('--password-stdin', 'read the password from the standard input')
    .option('--config <file>', 'the configuration')
    .action(async (text, { passwordStdin = false, config }) => {
      using known = new KnownAccounts(loadConfig({ config }, terminal));
      const name = known.existing(text);
      known.checkIsOurs(name);
      setPassword(known.store, name, await hashPassword(await newPassword(name, passwordStdin, terminal)));
      terminal.out(`changed the password of ${name}\n`);
    });
  user
    .command('remove')
    .description('Remove an account with its tokens; it is shut out at once')
    .argument('<name>', 'the account')
    .option('--config <file>', 'the configuration')
    .action((text, { config }) => {
      using known = new KnownAccounts(loadConfig({ config }, terminal));
      const name = parseAccountName(text);
      known.checkIsOurs(name);
      removeAccount(known.store, name);
      terminal.out(`removed ${name}\n`);
    });
  user
    .command('rotate-keys')
    .description('Sign tokens with a new key, as happens by itself once in 30 days')
    .option('--config <file>', 'the configuration')
    .action(({ config: file }) => {
      const config = loadConfig({ config: file }, terminal);
      using known = new KnownAccounts(config);
      const keepForMs = config.accounts?.tokenLifetimeMs ?? 0;
      const kid = rotateKeys({ store: known.store, now: () => systemClock.now(), keepForMs });
      terminal.out(`tokens are signed with ${kid} now; those that there are stay good until they end\n`);
    });
  addUserTokenCommands(user, context);
}

const USER_HELP = `
Accounts are kept in the data folder, beside those of accounts.htpasswd; what they may do is said by accounts.policy of
the configuration.
`;
const NOT_YET = 'note: the configuration has no accounts yet; with `accounts: {}` in it, wharf serve asks for logins\n';

async function newPassword(name: string, isInput: boolean, terminal: Terminal): Promise<string> {
  const password = isInput
    ? (await terminal.readInput()).replace(/\r?\n$/, '')
    : await terminal.ask(`Password for ${name}: `, { isSecret: true });
  checkNewPassword(password, name);
  if (!isInput && password !== (await terminal.ask('Once more: ', { isSecret: true }))) {
    throw new UsageError('the two passwords differ; nothing was changed');
  }
  return password;
}

function describeAccounts({ store, inFile, htpasswdFile = '' }: KnownAccounts) {
  const stored = listAccounts(store)
    .filter(({ name }) => !inFile.has(name))
    .map(({ name, passwordHash }) => ({
      name: String(name),
      kind: passwordHash === undefined ? 'robot' : 'person',
      from: 'data folder',
    }));
  const written = [...inFile].map((name) => ({ name: String(name), kind: 'person', from: htpasswdFile }));
  return [...stored, ...written].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
