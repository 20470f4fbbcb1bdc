import type { ProxyAddress } from '../../config/proxy-url.ts';
import { proxyFor, readProxyEnvironment } from '../../remote/proxy-environment.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const READ_BY_GIT = ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'];

/**
 * What changes in the environment of a git that fetches from `remote`, so that it goes the way that everything else
 * goes: git has rules of its own for these variables. `undefined` takes one away. A password is in a variable, as
 * arguments are for all to see. Throws SendError for a proxy that cannot be used.
 */
export function gitProxyVariables(remote: string, env: Environment): Environment {
  const url = URL.parse(remote);
  if (url === null || !/^https?:$/.test(url.protocol)) return {};
  const environment = readProxyEnvironment(env);
  // What git knows of proxies from elsewhere is its user's own business.
  if ((url.protocol === 'https:' ? environment.https : environment.http) === undefined) return {};
  const none = Object.fromEntries(READ_BY_GIT.map((name) => [name, undefined]));
  const proxy = proxyFor(url, environment);
  if (proxy === undefined) return { ...none, no_proxy: '*' };
  const address = urlOf(proxy);
  return { ...none, http_proxy: address, https_proxy: address };
}

// To git socks5:// means that it resolves names itself, and socks5h:// that the proxy does.
function urlOf({ kind, login, name }: ProxyAddress): string {
  const [, host = ''] = name.split('//');
  const user =
    login === undefined ? '' : `${encodeURIComponent(login.username)}:${encodeURIComponent(login.password)}@`;
  return `${kind === 'socks5' ? 'socks5h' : kind}://${user}${host}`;
}
