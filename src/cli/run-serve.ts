import { ConfigReload } from '../app/config-reload.ts';
import { jobStarter } from '../app/job-process.ts';
import { LogOutput } from '../app/log-output.ts';
import { type ServerLog, openLog } from '../app/log.ts';
import { RegistryServer, describeAddress } from '../app/registry-server.ts';
import { systemClock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import type { LogFormat, LogLevel } from '../observe/log.ts';
import { openSessionOf } from './open-session.ts';
import type { CommandContext, Terminal } from './terminal.ts';

export interface ServeOptions {
  /** Reads the configuration, now and whenever it has changed. Throws UsageError. */
  readonly load: (onRead?: (file: string) => void) => Config;
  /** What `load` reads, if it is a file. */
  readonly configFile: string | undefined;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
}

/** What a job is run by: this very program. */
const PROGRAM = process.argv[1] ?? '';
const GRACE_MS = 30_000;

/** Serves until somebody stops it. */
export async function runServe(options: ServeOptions, context: CommandContext): Promise<void> {
  const { load, configFile, logFormat, logLevel } = options;
  const { terminal, signal } = context;
  const files = new Set<string>();
  const config = load((file) => files.add(file));
  using output = new LogOutput(process.stderr);
  const log = openLog({ format: logFormat, level: logLevel, output, now: () => systemClock.now() });
  const reloads = { applied: 0, refused: 0 };
  const { workingFolder } = terminal;
  const server = await RegistryServer.open({
    session: openSessionOf(config, terminal, { mayRemember: true, isServing: true }),
    log,
    onRequest: (line) => log.request(line),
    lostLogLines: () => output.lostLines,
    startJob: jobStarter({ program: PROGRAM, configFile, workingFolder }),
    reloads,
  });
  const apply = (changed: Config) => server.reconfigure(changed);
  const reload = new ConfigReload({ load, apply, files, counts: reloads, log, clock: systemClock }).begin();
  context.onHangup(() => void reload.reload());
  announce(server, terminal, log);
  await untilAborted(signal);
  log.info('stopping');
  await reload[Symbol.asyncDispose]();
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
