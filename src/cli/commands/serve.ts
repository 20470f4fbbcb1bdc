import type { Command } from '@commander-js/extra-typings';
import { RegistryServer, describeAddress } from '../../app/registry-server.ts';
import { parseListenAddress } from '../../config/listen-address.ts';
import type { RequestLine } from '../../http/node.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { collect } from '../collect.ts';
import { loadConfig } from '../open-session.ts';
import { formatBytes } from '../output/format.ts';
import { LineBuffer } from '../output/line-buffer.ts';
import type { CommandContext } from '../terminal.ts';

const GRACE_MS = 30_000;

/** `wharf serve`: a registry of our own, until somebody stops it. */
export function addServeCommand(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('Be a registry: push, pull, delete and list what matches --hosted')
    .option('--hosted <pattern>', 'repositories that are kept here, such as team/** or ** (repeat)', collect)
    .option('--listen <address>', 'host:port, [::1]:port, :port or unix:/path (repeat)', collect)
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .addHelpText('after', SERVE_EXAMPLES)
    .action(async (flags) => {
      const { terminal, signal } = context;
      const config = loadConfig(flags, terminal);
      const { hosted = config.hosted } = flags;
      if (hosted.length === 0) {
        throw new UsageError(
          `nothing is hosted, and the pull-through cache is not built yet; name what is kept here: --hosted '**'`,
        );
      }
      const listen = flags.listen?.map(readAddress) ?? config.listen;
      const { dataFolder } = config;
      using log = new LineBuffer((text) => terminal.err(text));
      const onRequest = (line: RequestLine) => log.add(describeRequest(line));
      const server = await RegistryServer.open({ config: { dataFolder, listen, hosted }, onRequest });
      for (const address of server.addresses) terminal.out(`listening on ${describeAddress(address)}\n`);
      await untilAborted(signal);
      log.add('stopping: requests under way may end');
      await server.close(GRACE_MS);
    });
}

const SERVE_EXAMPLES = `
Examples:
  wharf serve --hosted '**'                               a plain private registry on 127.0.0.1:5000
  wharf serve --hosted 'team/**' --listen unix:/run/wharf.sock
`;

function readAddress(text: string) {
  const address = parseListenAddress(text);
  if (address === undefined) {
    throw new UsageError(`"${text}" is not an address; write host:port, [::1]:port, :port or unix:/path`);
  }
  return address;
}

function describeRequest({ id, method, path, remoteAddress, status, bytesSent, durationMs, ...rest }: RequestLine) {
  const broken = rest.isComplete ? '' : ' broke off';
  const why = rest.error instanceof Error ? `: ${rest.error.message}` : '';
  const figures = `${status} ${formatBytes(bytesSent)} ${Math.round(durationMs)} ms`;
  return `${remoteAddress} ${JSON.stringify(`${method} ${path}`)} ${figures} ${id}${broken}${why}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
