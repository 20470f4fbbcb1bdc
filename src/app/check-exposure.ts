// A cache hands on what its own logins may read. Who may reach it, may read that: so somebody has to have said yes.
import type { Config, EndpointConfig, UpstreamConfig } from '../config/config.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { isLoopbackAddress } from '../http/distribution/is-local.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { CredentialStore } from '../remote/credentials.ts';
import { describeAddress } from './open-server.ts';

interface Exposure {
  readonly upstream: string;
  /** `the login "ann" may read at ghcr.io` */
  readonly whatIsRead: string;
}

/**
 * Throws UsageError when others than this machine can reach the server, it has no accounts, and nobody has said what
 * they may do; or when it has a login, configured or stored here, for an upstream that is not `public` (or for a mirror of
 * one): the sentence says who could then read what. `logins` is asked for the same hosts as later for their requests, and
 * what it fails with is thrown. A configured command is not run. With accounts, policy says who reads what.
 */
export async function checkExposure(
  { listen, upstreams, accounts, anonymous }: Pick<Config, 'listen' | 'upstreams' | 'accounts' | 'anonymous'>,
  logins: CredentialStore,
): Promise<void> {
  const open = listen.filter((address) => !isThisMachine(address));
  if (open.length === 0 || accounts !== undefined) return;
  if (anonymous === 'local') throw new UsageError(choices(open));
  const exposures: Exposure[] = [];
  for (const upstream of upstreams.values()) {
    if (!upstream.public) exposures.push(...(await exposuresOf(upstream, logins)));
  }
  if (exposures.length > 0) throw new UsageError(sentence(open, exposures));
}

// A name may mean any address, but for the one name that has to be loopback.
export function isThisMachine(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  const { host = '' } = address;
  return host.toLowerCase() === 'localhost' || isLoopbackAddress(host);
}

async function exposuresOf(upstream: UpstreamConfig, logins: CredentialStore): Promise<Exposure[]> {
  const { name, mirrors } = upstream;
  const places = [
    { endpoint: upstream, called: name },
    ...mirrors.map((mirror) => ({ endpoint: mirror, called: `${mirror.url}, a mirror of ${name}` })),
  ];
  const exposures: Exposure[] = [];
  for (const { endpoint, called } of places) {
    const login = await describeLogin(endpoint, logins);
    if (login !== undefined) exposures.push({ upstream: name, whatIsRead: `${login} may read at ${called}` });
  }
  return exposures;
}

async function describeLogin({ url, credentials }: EndpointConfig, logins: CredentialStore) {
  if (credentials === 'anonymous') return undefined;
  if (credentials !== undefined && 'exec' in credentials) return `the login that ${credentials.exec[0]} gives`;
  if (credentials !== undefined) return `the login ${quote(credentials.username)}`;
  const stored = await logins.find(new URL(url).host);
  if (stored === undefined) return undefined;
  return `the login ${'username' in stored ? `${quote(stored.username)} ` : ''}that is stored on this machine`;
}

function choices(open: readonly ListenAddress[]): string {
  return (
    `${notToListen(open)}: it has no accounts, and nobody has said what whoever reaches it may do; listen on loopback ` +
    'alone (127.0.0.1:5000), or set up accounts (docs/accounts.md), or say `anonymous: pull` (--anonymous pull) to let ' +
    'everybody pull, or `anonymous: everything` to let everybody also push to, and delete, what is hosted'
  );
}

function notToListen(open: readonly ListenAddress[]): string {
  return `this server is not to listen on ${open.map(describeAddress).join(' and ')}`;
}

function sentence(open: readonly ListenAddress[], exposures: readonly Exposure[]): string {
  const read = exposures.map(({ whatIsRead }) => whatIsRead).join(', and that ');
  const names = [...new Set(exposures.map(({ upstream }) => upstream))].join(' and ');
  return (
    `${notToListen(open)}: it has no accounts, so everyone who reaches it could pull every ` +
    `private image that ${read}; listen on loopback alone (127.0.0.1:5000), or say under \`upstreams\` for ${names} ` +
    `either \`public: true\`, if that is what you want, or \`credentials: {}\`, to ask without a login`
  );
}

/** On one line, whatever is in it. */
function quote(username: string): string {
  return JSON.stringify(username.slice(0, 100));
}
