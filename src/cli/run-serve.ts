import { LogOutput } from '../app/log-output.ts';
import { type ServerLog, openLog } from '../app/log.ts';
import { RegistryServer, describeAddress } from '../app/registry-server.ts';
import { systemClock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import type { LogFormat, LogLevel } from '../observe/log.ts';
import { openSessionOf } from './open-session.ts';
import type { CommandContext, Terminal } from './terminal.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
}

const GRACE_MS = 30_000;

/** Serves until somebody stops it. */
export async function runServe({ config, logFormat, logLevel }: ServeOptions, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  using output = new LogOutput(process.stderr);
  const log = openLog({ format: logFormat, level: logLevel, output, now: () => systemClock.now() });
  const server = await RegistryServer.open({
    session: openSessionOf(config, terminal, { mayRemember: true, isServing: true }),
    log,
    onRequest: (line) => log.request(line),
    lostLogLines: () => output.lostLines,
  });
  announce(server, terminal, log);
  await untilAborted(signal);
  log.info('stopping');
  const requests = await server.close(GRACE_MS);
  if (requests > 0) log.warn('requests abandoned', { requests });
  log.info('stopped');
  context.exitWith(exitCodeOf(signal));
}

// Whoever starts it waits for the first line on the standard output.
function announce(server: RegistryServer, terminal: Terminal, log: ServerLog): void {
  for (const url of server.urls) terminal.out(`listening on ${url}\n`);
  if (server.adminAddress !== undefined) log.info('admin listening', { address: describeAddress(server.adminAddress) });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function exitCodeOf({ reason }: AbortSignal): number {
  return typeof reason === 'object' && reason !== null && 'exitCode' in reason ? Number(reason.exitCode) : 0;
}
