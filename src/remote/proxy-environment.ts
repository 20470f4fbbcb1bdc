// Which proxy a request goes through: the one that a person chose for its upstream, else the one that the environment
// names, by the rules of Go's net/http, so that Wharf goes the ways that docker and containerd go.
import { type ProxyAddress, parseProxyUrl } from '../config/proxy-url.ts';
import { addressBytes } from './address.ts';
import { type NoProxy, parseNoProxy } from './no-proxy.ts';
import { SendError } from './send.ts';

export interface ProxyEnvironment {
  readonly http?: ProxyVariable | undefined;
  readonly https?: ProxyVariable | undefined;
  readonly isDirect: NoProxy;
  /** Run by a web server, which makes HTTP_PROXY out of the header `Proxy` of whoever asks it. */
  readonly isCgi: boolean;
}

interface ProxyVariable {
  readonly variable: string;
  /** `undefined`: it is no proxy that can be used. */
  readonly address: ProxyAddress | undefined;
}

/** For a URL the proxy to it; `undefined` is none. Throws SendError for one that cannot be used. */
export type ChooseProxy = (url: URL) => ProxyAddress | undefined;

/** The variables are read once, so a later change of them has no effect. */
export function readProxyEnvironment(env: Readonly<Record<string, string | undefined>>): ProxyEnvironment {
  const find = (...names: readonly string[]) => names.find((name) => (env[name] ?? '') !== '');
  const proxyOf = (name: string | undefined) => name && { variable: name, address: parseVariable(env[name] ?? '') };
  return {
    http: proxyOf(find('HTTP_PROXY', 'http_proxy')) || undefined,
    https: proxyOf(find('HTTPS_PROXY', 'https_proxy')) || undefined,
    isDirect: parseNoProxy(env[find('NO_PROXY', 'no_proxy') ?? ''] ?? ''),
    isCgi: (env['REQUEST_METHOD'] ?? '') !== '',
  };
}

/** `setting` is the `proxy` of an endpoint: a URL, `direct`, or nothing. */
export function proxyChoice(setting: string | undefined, environment: ProxyEnvironment | undefined): ChooseProxy {
  if (setting === 'direct') return () => undefined;
  if (setting === undefined) return (url) => environment && proxyFor(url, environment);
  const chosen = parseProxyUrl(setting);
  // The schema of the configuration lets no other through.
  if (chosen === undefined) throw new Error('the proxy of an endpoint is no URL of a proxy');
  return () => chosen;
}

/** What the environment says. This machine itself is never reached through a proxy. */
export function proxyFor(url: URL, environment: ProxyEnvironment): ProxyAddress | undefined {
  const isTls = url.protocol === 'https:';
  const proxy = isTls ? environment.https : environment.http;
  if (proxy === undefined) return undefined;
  if (!isTls && environment.isCgi) {
    throw new SendError(
      'PROXY_REFUSED',
      `is not asked: ${proxy.variable} is not to be trusted where REQUEST_METHOD is set, as a client of the web server may have made it up`,
    );
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || isLoopback(addressBytes(host))) return undefined;
  if (environment.isDirect(host, Number(url.port || (isTls ? 443 : 80)))) return undefined;
  if (proxy.address !== undefined) return proxy.address;
  throw new SendError(
    'PROXY_REFUSED',
    `is not asked: ${proxy.variable} names no proxy that can be used; write it as http://HOST:PORT or socks5://HOST:PORT`,
  );
}

function isLoopback(address: Uint8Array | undefined): boolean {
  if (address?.length === 4) return address[0] === 127;
  return address !== undefined && address.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

function parseVariable(text: string): ProxyAddress | undefined {
  return parseProxyUrl(text.includes('://') ? text : `http://${text}`);
}
