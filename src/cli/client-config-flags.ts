import path from 'node:path';
import type { ClientConfiguration, ClientOptions } from '../client-config/client-configuration.ts';
import type { ClientSetup } from '../client-config/client-setup.ts';
import { CLIENTS, type ClientName } from '../client-config/clients.ts';
import { frontOptions } from '../client-config/front-options.ts';
import { shellWord } from '../client-config/quoted.ts';
import { type KnownUpstream, resolveClientSetup } from '../client-config/resolve-client-setup.ts';
import type { Config } from '../config/config.ts';
import { closest } from '../config/did-you-mean.ts';
import { SeenHosts } from '../journal/seen-hosts.ts';
import { UsageError } from '../oci/usage-error.ts';
import { loadConfig, openKnownJournal } from './open-session.ts';
import type { Terminal } from './terminal.ts';

export interface ClientConfigFlags {
  readonly mirror?: readonly string[] | undefined;
  readonly config?: string | undefined;
  readonly upstream?: readonly string[] | undefined;
  readonly ca?: string | undefined;
  readonly user?: true | undefined;
  readonly clientVersion?: string | undefined;
  readonly out?: string | undefined;
  readonly write?: true | undefined;
  readonly undo?: true | undefined;
  readonly check?: true | undefined;
  readonly image?: string | undefined;
  readonly yes?: true | undefined;
  readonly root: string;
  readonly json?: true | undefined;
}

export interface Configured {
  readonly setup: ClientSetup;
  readonly configuration: ClientConfiguration;
}

/** What the flags say, in the client's words. Throws UsageError. */
export function configure(client: ClientName, flags: ClientConfigFlags, terminal: Terminal): Configured {
  const { needsMirror, generate } = CLIENTS[client];
  const config = flags.config === undefined ? undefined : loadConfig(flags, terminal);
  const whole = resolveClientSetup({
    mirrors: flags.mirror ?? [],
    upstreams: config && upstreamsOf(config, terminal),
    externalUrl: config?.externalUrl,
    caFile: flags.ca === undefined ? undefined : path.resolve(terminal.workingFolder, flags.ca),
    needsMirror,
  });
  const setup = { ...whole, upstreams: chosen(whole, flags.upstream) };
  return {
    setup,
    configuration: generate(setup, { ...clientOptions(flags, terminal), front: config && frontOptions(config) }),
  };
}

/** Where the files of the user who runs the client are, or the system's. */
export function configFolder({ user }: ClientConfigFlags, terminal: Terminal): string {
  if (user !== true) return '/etc';
  return terminal.env['XDG_CONFIG_HOME'] ?? path.join(terminal.homeFolder, '.config');
}

/** The same command, to be typed again. */
export function commandLine(client: ClientName, flags: ClientConfigFlags): string {
  const { mirror = [], upstream = [], root, ...others } = flags;
  const words = [
    ...mirror.flatMap((url) => ['--mirror', url]),
    ...upstream.flatMap((name) => ['--upstream', name]),
    ...Object.entries(others).flatMap(([name, value]) => {
      const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return value === undefined ? [] : value === true ? [flag] : [flag, value];
    }),
    ...(root === '/' ? [] : ['--root', root]),
  ];
  return ['wharf', 'client-config', client, ...words.map(shellWord)].join(' ');
}

function clientOptions(flags: ClientConfigFlags, terminal: Terminal): ClientOptions {
  return {
    clientVersion: flags.clientVersion,
    userConfigFolder: flags.user === true ? configFolder(flags, terminal) : undefined,
  };
}

/** With where they were seen to lead, by whatever ran with this configuration. */
function upstreamsOf(config: Config, terminal: Terminal): readonly KnownUpstream[] {
  using journal = openKnownJournal(config, terminal);
  const seen = journal && new SeenHosts(journal);
  return [...config.upstreams.values()].map((upstream) => ({ ...upstream, seenHosts: seen?.of(upstream.name) }));
}

function chosen({ upstreams }: ClientSetup, names: readonly string[] | undefined): ClientSetup['upstreams'] {
  if (names === undefined) return upstreams;
  const known = upstreams.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = closest(name, known);
    const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`;
    throw new UsageError(`no mirror is for "${name.slice(0, 200)}"; ${hint}`);
  }
  return upstreams.filter(({ name }) => names.includes(name));
}
