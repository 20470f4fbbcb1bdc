import { type Command, Option } from '@commander-js/extra-typings';
import { describeAddress } from '../../app/open-server.ts';
import type { Config } from '../../config/config.ts';
import { type ListenAddress, isSameAddress, parseListenAddress } from '../../config/listen-address.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../../observe/log.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { collect } from '../collect.ts';
import { findConfigFile, loadConfig } from '../open-session.ts';
import type { ServeOptions } from '../run-serve.ts';
import type { CommandContext } from '../terminal.ts';

interface ServeFlags {
  readonly hosted?: readonly string[] | undefined;
  readonly immutable?: readonly string[] | undefined;
  readonly listen?: readonly string[] | undefined;
  readonly admin?: string | undefined;
  readonly anonymous?: Config['anonymous'] | undefined;
}

/** `wharf serve`: a registry of our own, until somebody stops it. */
export function addServeCommand(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('Be a cache of every upstream, and a registry for what matches --hosted')
    .option('--hosted <pattern>', 'repositories that are kept here, such as team/** or ** (repeat)', collect)
    .option('--immutable <pattern>', 'tags that stay as they are, such as team/app:v* (repeat)', collect)
    .option('--listen <address>', 'host:port, [::1]:port, :port or unix:/path (repeat)', collect)
    .option('--admin <address>', 'where health and metrics are, or off (127.0.0.1:5001 by default)')
    .addOption(
      new Option('--anonymous <what>', 'what whoever reaches a server without accounts may do').choices(ANONYMOUS),
    )
    .addOption(new Option('--log-format <format>', 'text on a terminal and else json, by default').choices(LOG_FORMATS))
    .addOption(new Option('--log-level <level>', 'the least that is logged').choices(LOG_LEVELS).default('info'))
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .addHelpText('after', SERVE_EXAMPLES)
    .action(async (flags) => {
      const { terminal } = context;
      const { logLevel, logFormat = terminal.isInteractive ? 'text' : 'json' } = flags;
      // The file that was found stays the one that is read again, though another may be put before it.
      const file = findConfigFile(flags, terminal);
      const load: ServeOptions['load'] = (onRead) =>
        withFlags(loadConfig({ config: file ?? flags.config }, terminal, onRead), flags);
      // What it needs to log and to count takes longer to load than all other commands.
      const { runServe } = await import('../run-serve.ts');
      await runServe({ load, configFile: file, logFormat, logLevel }, context);
    });
}

const ANONYMOUS: readonly Config['anonymous'][] = ['local', 'pull', 'everything'];

const SERVE_EXAMPLES = `
Examples:
  wharf serve                                             a cache of docker.io, ghcr.io and others on 127.0.0.1:5000
  wharf serve --hosted '**'                               also a private registry, for all names that name no upstream
  wharf serve --hosted 'team/**' --listen unix:/run/wharf.sock
  wharf serve --hosted '**' --immutable 'team/*:v*'       a tag such as team/app:v1 never moves
`;

/** Flags win over the file, whenever it is read. */
function withFlags(config: Config, flags: ServeFlags): Config {
  const { hosted = config.hosted, immutable: immutableTags = config.immutableTags } = flags;
  if (hosted.length === 0 && config.upstreams.size === 0) {
    throw new UsageError(`there are no upstreams, and nothing is hosted; name what is kept here: --hosted '**'`);
  }
  const listen = flags.listen?.map((text) => readAddress(text)) ?? config.listen;
  const admin = readAdmin(flags.admin, config.admin);
  if (admin !== undefined && listen.some((address) => isSameAddress(address, admin))) {
    throw new UsageError(
      `${describeAddress(admin)} is where the registry listens; health and metrics need an address of their own: --admin`,
    );
  }
  const anonymous = readAnonymous(flags.anonymous, config);
  return { ...config, listen, admin, anonymous, hosted, immutableTags };
}

function readAnonymous(flag: Config['anonymous'] | undefined, { accounts, anonymous }: Config): Config['anonymous'] {
  if (flag === undefined || accounts === undefined) return flag ?? anonymous;
  throw new UsageError(
    'there are accounts; write a rule of accounts.policy with anonymous: true instead of --anonymous',
  );
}

function readAdmin(flag: string | undefined, configured: ListenAddress | undefined): ListenAddress | undefined {
  if (flag === undefined) return configured;
  return flag === 'off' ? undefined : readAddress(flag, ', or off');
}

function readAddress(text: string, otherwise = ''): ListenAddress {
  const address = parseListenAddress(text);
  if (address === undefined) {
    throw new UsageError(`"${text}" is not an address; write host:port, [::1]:port, :port or unix:/path${otherwise}`);
  }
  return address;
}
