import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { CLIENTS, type ClientName, isClientName } from '../../client-config/clients.ts';
import { closest } from '../../config/did-you-mean.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { checkClientConfig } from '../check-client-config.ts';
import { type ClientConfigFlags, configure } from '../client-config-flags.ts';
import { collect } from '../collect.ts';
import { printClientConfig } from '../print-client-config.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';
import { undoClientConfig, writeClientConfig } from '../write-client-config.ts';

/** `wharf client-config`: tells a client of container images to pull through a mirror. */
export function addClientConfigCommand(program: Command, context: CommandContext): void {
  program
    .command('client-config')
    .description('Print, write or check the configuration of a client that is to pull through a mirror')
    .argument('[client]', 'docker, containerd, podman, k3s …; without one they are listed')
    .option(
      '--mirror <url>',
      'where to pull from, or UPSTREAM=URL for one upstream; repeat it, the first is asked first',
      collect,
    )
    .option('--config <file>', 'a wharf.yaml, whose upstreams and their hosts are taken')
    .option('--upstream <name>', 'only this upstream; repeat it for several', collect)
    .option('--ca <file>', 'the certificate of the authority that signed those of the mirrors')
    .option('--user', 'for a client that runs without root: below ~/.config')
    .option('--client-version <version>', 'the version of the client, such as 24.0, where its files differ')
    .option('--out <dir>', 'write the files as a tree below a folder')
    .option('--write', 'change the files of the client on this machine, after a look at the difference')
    .option('--undo', 'take back the last --write')
    .option('--check', 'ask the mirror, and then pull a small image with the client')
    .option('--image <reference>', 'what --check pulls')
    .option('--yes', 'do not ask before --write and --undo')
    .option('--root <dir>', 'the root of the machine whose files these are, such as a mounted image', '/')
    .option('--json', 'print the files, or what was done, as JSON')
    .addHelpText('after', HELP)
    .action(async (name, given) => {
      const { terminal } = context;
      const flags = { ...given, root: path.resolve(terminal.workingFolder, given.root) };
      checkIsOneAction(flags);
      if (name === undefined) return listClients(flags, terminal);
      const client = clientOf(name, terminal);
      if (flags.undo === true) return await undoClientConfig(client, flags, terminal);
      if (flags.check === true) return await checkClientConfig(client, flags, context);
      const { configuration } = configure(client, flags, terminal);
      if (flags.write === true) return await writeClientConfig(client, configuration, flags, terminal);
      await printClientConfig(client, configuration, flags, terminal);
    });
}

const HELP = `
One file is printed as it is, several as a shell script that writes them; what else there is to know goes to the
standard error. docker, containerd, podman and k3s can be written in place with --write, which keeps what else stands in
their files, shows the difference, asks, and leaves a backup beside each; --undo puts it back.

Examples:
  wharf client-config docker --mirror https://mirror.example.com > daemon.json
  sudo wharf client-config docker --mirror https://mirror.example.com --write
  sudo wharf client-config docker --undo
  wharf client-config docker --mirror https://mirror.example.com --check
  wharf client-config containerd --mirror https://mirror.example.com --ca /etc/ssl/mirror.pem | sudo sh
  wharf client-config podman --mirror https://a.example --mirror ghcr.io=https://b.example
  wharf client-config k3s --config wharf.yaml --out node
`;

function checkIsOneAction({ out, write, undo, check }: ClientConfigFlags): void {
  const actions = Object.entries({ out, write, undo, check }).filter(([, flag]) => flag !== undefined);
  if (actions.length <= 1) return;
  throw new UsageError(`${actions.map(([flag]) => `--${flag}`).join(' and ')} do not go together; choose one`);
}

function listClients({ json }: ClientConfigFlags, terminal: Terminal): void {
  const clients = Object.entries(CLIENTS).map(([name, { describe }]) => ({ name, describe }));
  if (json === true) printJson(terminal, { version: 1, clients });
  else terminal.out(clientLines());
}

function clientLines(): string {
  const width = Math.max(...Object.keys(CLIENTS).map((name) => name.length));
  return Object.entries(CLIENTS)
    .map(([name, { describe }]) => `${name.padEnd(width)}  ${describe}\n`)
    .join('');
}

function clientOf(name: string, terminal: Terminal): ClientName {
  if (isClientName(name)) return name;
  const near = closest(name, Object.keys(CLIENTS));
  if (near === undefined) terminal.err(clientLines());
  const hint = near === undefined ? 'these are there' : `did you mean ${near}?`;
  throw new UsageError(`there is no client "${name.slice(0, 64)}"; ${hint}`);
}
