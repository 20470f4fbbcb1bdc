import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Session } from '../app/session.ts';
import type { Config } from '../config/config.ts';
import { defaultConfig } from '../config/default-config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { StoredCredentials } from '../credentials/stored-credentials.ts';
import { Journal } from '../journal/journal.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readProxyEnvironment } from '../remote/proxy-environment.ts';
import type { Terminal } from './terminal.ts';

export interface SessionFlags {
  readonly config?: string | undefined;
}

/** Where the configuration was found: `--config`, `$WHARF_CONFIG`, `./wharf.yaml`, `/etc/wharf/wharf.yaml`. */
export function findConfigFile({ config }: SessionFlags, terminal: Terminal): string | undefined {
  const named = config ?? terminal.env['WHARF_CONFIG'];
  if (named !== undefined && named !== '') {
    const file = path.resolve(terminal.workingFolder, named);
    if (!existsSync(file)) throw new UsageError(`there is no configuration at ${named}`);
    return file;
  }
  const places = [path.resolve(terminal.workingFolder, 'wharf.yaml'), '/etc/wharf/wharf.yaml'];
  return places.find((file) => existsSync(file));
}

/** Throws ConfigError with everything that is wrong with it. `onRead` is told of each file before it is read. */
export function loadConfig(flags: SessionFlags, terminal: Terminal, onRead?: (file: string) => void): Config {
  const file = findConfigFile(flags, terminal);
  const readSecret = (secret: string) => {
    onRead?.(secret);
    return readFileSync(secret, 'utf8');
  };
  if (file === undefined) {
    const resolvePath = (relative: string) => path.resolve(terminal.workingFolder, relative);
    return defaultConfig({ resolvePath, readSecret });
  }
  onRead?.(file);
  return parseConfig(readText(file), {
    file: path.relative(terminal.workingFolder, file) || file,
    env: terminal.env,
    resolvePath: (relative) => path.resolve(path.dirname(file), relative),
    readSecret,
  });
}

/**
 * The caller disposes of it. What this machine remembers is begun by commands that spend pulls by the hundred; others
 * keep the account where there is one.
 */
export function openSession(
  flags: SessionFlags,
  terminal: Terminal,
  options: { readonly mayRemember?: boolean } = {},
): Session {
  return openSessionOf(loadConfig(flags, terminal), terminal, options);
}

export interface OpenOptions {
  readonly mayRemember?: boolean | undefined;
  readonly isServing?: boolean | undefined;
}

/** The same for a configuration that was read already. */
export function openSessionOf(config: Config, terminal: Terminal, options: OpenOptions = {}): Session {
  const { env, homeFolder } = terminal;
  const journal = options.mayRemember === true ? openJournal(config, terminal) : openKnownJournal(config, terminal);
  const credentials = new StoredCredentials({ env, homeFolder });
  const proxies = readProxyEnvironment(env);
  return new Session({ config, credentials, proxies, journal, isServing: options.isServing });
}

/** Where nothing was ever run, nothing is made. */
export function openKnownJournal(config: Config, terminal: Terminal): Journal | undefined {
  return existsSync(path.join(config.dataFolder, 'journal-v1')) ? openJournal(config, terminal) : undefined;
}

function openJournal({ dataFolder }: Config, terminal: Terminal): Journal {
  return Journal.open(dataFolder, { now: Date.now, onNotice: (message) => terminal.err(`note: ${message}\n`) });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the configuration ${file} cannot be read: ${(error as Error).message}`);
  }
}
