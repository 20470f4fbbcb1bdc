import type { Command } from '@commander-js/extra-typings';
import { removeLogin, saveLogin } from '../../credentials/login.ts';
import { DOCKER_HUB } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { openSession } from '../open-session.ts';
import { endpointOf } from '../registry-argument.ts';
import type { CommandContext } from '../terminal.ts';

/** `wharf login` and `wharf logout`: logins are kept where docker and skopeo look for them too. */
export function addLoginCommands(program: Command, context: CommandContext): void {
  program
    .command('login')
    .description('Check a login and keep it where docker and skopeo look for it')
    .argument('[host]', 'the registry', DOCKER_HUB)
    .option('-u, --username <name>', 'the user name; asked for when it is not given')
    .option('--password-stdin', 'read the password from the standard input')
    .option('--plain-http', 'talk http to a registry that is named without a scheme')
    .option('--config <file>', 'the configuration')
    .action(async (host, flags) => {
      const { terminal, signal } = context;
      const username = flags.username ?? (await terminal.ask(`Username for ${host}: `));
      const password =
        flags.passwordStdin === true
          ? (await terminal.readInput()).replace(/\r?\n$/, '')
          : await terminal.ask(`Password for ${username} at ${host}: `, { isSecret: true });
      if (username === '' || password === '') throw new UsageError('a login needs a user name and a password');
      const credentials = { username, password };
      await using session = openSession(flags, terminal);
      const name = hostNameOf(host);
      const endpoint = { ...endpointOf(host, session.config, flags), credentials };
      await session.registry(endpoint, name).checkLogin({ signal });
      const { env, homeFolder } = terminal;
      terminal.out(
        `logged in to ${name} as ${username}; kept in ${await saveLogin(name, credentials, { env, homeFolder })}\n`,
      );
    });
  program
    .command('logout')
    .description('Forget the login for a registry')
    .argument('[host]', 'the registry', DOCKER_HUB)
    .action(async (host) => {
      const { terminal } = context;
      const { env, homeFolder } = terminal;
      const name = hostNameOf(host);
      const place = await removeLogin(name, { env, homeFolder });
      terminal.out(
        place === undefined ? `there was no login for ${name}\n` : `removed the login for ${name} from ${place}\n`,
      );
    });
}

function hostNameOf(host: string): string {
  return host.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}
