// What a web server in front of Wharf is told, whichever it is. The values end up in files whose syntax is not ours, so
// each is of a form that means nothing in any of them.
import { parseListenAddress } from '../config/listen-address.ts';
import { DOCKER_HUB, isDomain } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientSetup } from './client-setup.ts';

export interface FrontServerOptions {
  /** Where Wharf listens, for the server in front: `127.0.0.1:5000` by default. */
  readonly backend?: string | undefined;
  /** The IP address that clients come to; every one of the machine where none is given. */
  readonly bind?: string | undefined;
  /** Absolute paths on the machine of the server in front. */
  readonly certificate?: { readonly file: string; readonly keyFile: string } | undefined;
}

/** What a client asks in front, and what it means behind. */
export interface FrontName {
  readonly protocol: 'http' | 'https';
  /** In lower case; an IPv6 address is in brackets. */
  readonly host: string;
  readonly port: number;
  /** `undefined`: a name for all upstreams, of which clients have to name one. */
  readonly upstream: string | undefined;
}

export interface FrontServer {
  readonly names: readonly [FrontName, ...FrontName[]];
  /** `127.0.0.1:5000`, `[::1]:5000` */
  readonly backend: string;
  readonly isBackendHere: boolean;
  /** As it is in an address: IPv6 in brackets. */
  readonly bind: string | undefined;
}

/** DNS has none longer. */
const MAX_NAME_LENGTH = 253;
/** Neither ends a quoted text, nor is a variable of nginx or a placeholder of Caddy. */
const PLAIN_PATH = /^\/[^\p{C}\p{Zl}\p{Zp}"'`\\${}]{0,1000}$/u;

/** Throws UsageError when a name or an address is none, and when one name is to mean two upstreams. */
export function frontServer(
  { upstreams }: ClientSetup,
  { backend = '127.0.0.1:5000', bind }: FrontServerOptions,
): FrontServer {
  const address = isDomain(backend) ? parseListenAddress(backend) : undefined;
  if (address?.kind !== 'tcp' || address.port === 0) {
    throw new UsageError(`"${backend}" is no address of Wharf, such as 127.0.0.1:5000`);
  }
  const names = new Map<string, FrontName>();
  for (const { name, endpoints } of upstreams) {
    checkDomain(name, 'upstream');
    for (const { url, isDedicated } of endpoints)
      addName(names, { ...addressIn(url), upstream: isDedicated ? name : undefined });
  }
  const [first, ...others] = names.values();
  if (first === undefined) throw new UsageError('there is no upstream that the server in front has a name for');
  return {
    names: [first, ...others],
    backend,
    isBackendHere: ['127.0.0.1', '::1', 'localhost'].includes(address.host ?? ''),
    bind: bind === undefined ? undefined : bracketed(bind),
  };
}

/** Throws UsageError for a path that is not absolute, or that could be anything but a path in somebody's syntax. */
export function quotedPath(path: string): string {
  if (PLAIN_PATH.test(path)) return `"${path}"`;
  throw new UsageError(
    `"${path.slice(0, 300)}" cannot be written into a configuration: a path has to be absolute, and without quotes, ` +
      'backslashes, dollar signs and braces',
  );
}

/** A first pull through it, or a question where no image is known. */
export function trialOf({ names }: FrontServer): string {
  const { upstream = DOCKER_HUB, protocol } = names[0];
  const address = authorityOf(names[0]);
  return upstream === DOCKER_HUB
    ? `docker pull ${address}/library/busybox`
    : `curl --fail ${protocol}://${address}/v2/`;
}

/** The lines of a wharf.yaml that go with it, without those that are Wharf's defaults. `more` is of its top level. */
export function wharfYaml({ names, backend, isBackendHere }: FrontServer, more: readonly string[] = []): string[] {
  const shared = names.filter(({ upstream }) => upstream === undefined);
  const upstreams = new Set(names.flatMap(({ upstream }) => upstream ?? []));
  const host = backend.startsWith('[') ? '"::1"' : '127.0.0.1';
  return [
    `listen: ${yamlText(backend)}`,
    isBackendHere ? `trustedProxies: [${host}]` : 'trustedProxies: []  # the address that this server comes from',
    ...(shared.length > 0 ? [`serverNames: ${yamlList(shared.map(authorityOf))}`] : []),
    ...more,
    ...(upstreams.size > 0 ? ['upstreams:'] : []),
    ...[...upstreams].map((upstream) => `  ${yamlText(upstream)}: { hosts: ${yamlList(hostsOf(upstream, names))} }`),
  ];
}

// A host that means several upstreams is told apart by its ports.
function hostsOf(upstream: string, names: readonly FrontName[]): string[] {
  const own = names.filter((name) => name.upstream === upstream);
  const isShared = ({ host }: FrontName) => names.some((name) => name.host === host && name.upstream !== upstream);
  return own.map((name) => (isShared(name) ? authorityOf(name) : name.host));
}

/** As the `Host` of a request has it. */
export function authorityOf({ protocol, host, port }: FrontName): string {
  return port === defaultPort(protocol) ? host : `${host}:${port}`;
}

function addName(names: Map<string, FrontName>, name: FrontName): void {
  const key = `${name.host}:${name.port}`;
  const known = names.get(key);
  names.set(key, known ?? name);
  if (known === undefined || (known.upstream === name.upstream && known.protocol === name.protocol)) return;
  const [one, other] = [known, name].map(({ upstream, protocol }) => `${upstream ?? 'all upstreams'} over ${protocol}`);
  throw new UsageError(`${key} cannot be both ${one} and ${other}`);
}

function addressIn(url: string): Omit<FrontName, 'upstream'> {
  const { protocol, hostname, port } = URL.parse(url) ?? {};
  if ((protocol !== 'http:' && protocol !== 'https:') || hostname === undefined) {
    throw new UsageError(`"${url.slice(0, 300)}" is no URL such as https://mirror.example.com`);
  }
  checkDomain(hostname, 'host');
  const scheme = protocol === 'http:' ? 'http' : 'https';
  return { protocol: scheme, host: hostname.toLowerCase(), port: port === '' ? defaultPort(scheme) : Number(port) };
}

function defaultPort(protocol: FrontName['protocol']): number {
  return protocol === 'http' ? 80 : 443;
}

function checkDomain(text: string, kind: string): void {
  if (isDomain(text) && text.length <= MAX_NAME_LENGTH) return;
  throw new UsageError(`"${text.slice(0, 300)}" cannot be written into a configuration as the name of an ${kind}`);
}

function bracketed(bind: string): string {
  const host = bind.includes(':') && !bind.startsWith('[') ? `[${bind}]` : bind;
  const isAddress = /^\d{1,3}(?:\.\d{1,3}){3}$|^\[[0-9a-fA-F:.]{2,45}\]$/.test(host);
  if (isAddress && URL.canParse(`http://${host}/`)) return host;
  throw new UsageError(`"${bind.slice(0, 100)}" is no IP address to listen on`);
}

function yamlList(texts: readonly string[]): string {
  return `[${[...new Set(texts)].map(yamlText).join(', ')}]`;
}

// Names and addresses need quotes only where YAML could take a colon or a bracket for its own.
function yamlText(text: string): string {
  return /^[a-z][a-z0-9.-]*$|^[0-9.]+(?::\d+)?$/.test(text) ? text : JSON.stringify(text);
}
