/** A proxy, as its URL says it. Names of hosts are for the proxy to resolve, with SOCKS too. */
export interface ProxyAddress {
  readonly kind: 'http' | 'https' | 'socks5';
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  readonly login?: ProxyLogin | undefined;
  /** Its URL without the login: all that may be shown. */
  readonly name: string;
}

export interface ProxyLogin {
  readonly username: string;
  readonly password: string;
}

const KINDS: Readonly<Record<string, readonly [kind: ProxyAddress['kind'], defaultPort: number]>> = {
  http: ['http', 80],
  https: ['https', 443],
  socks5: ['socks5', 1080],
  // Elsewhere this says that the proxy resolves names, which it does here in any case.
  socks5h: ['socks5', 1080],
};
const URL_FORM = /^(http|https|socks5|socks5h):\/\/[^/?#\s]+\/?$/i;
/** RFC 1929 has one byte for each length. */
const MAX_SOCKS_LOGIN_BYTES = 255;

/** `undefined` for whatever is no proxy's URL. */
export function parseProxyUrl(text: string): ProxyAddress | undefined {
  const [kind, defaultPort] = KINDS[URL_FORM.exec(text)?.[1]?.toLowerCase() ?? ''] ?? [];
  const url = URL.parse(text);
  if (kind === undefined || url === null || url.hostname === '' || url.port === '0') return undefined;
  const login = loginOf(url);
  if (login === 'unreadable' || (kind === 'socks5' && !fitsSocks(login))) return undefined;
  const { hostname, protocol } = url;
  const port = url.port === '' ? (defaultPort ?? 0) : Number(url.port);
  return { kind, hostname: hostname.replace(/^\[|\]$/g, ''), port, login, name: `${protocol}//${hostname}:${port}` };
}

function loginOf({ username, password }: URL): ProxyLogin | 'unreadable' | undefined {
  if (username === '' && password === '') return undefined;
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch (error) {
    if (error instanceof URIError) return 'unreadable';
    throw error;
  }
}

function fitsSocks(login: ProxyLogin | undefined): boolean {
  if (login === undefined) return true;
  const sizes = [login.username, login.password].map((text) => new TextEncoder().encode(text).byteLength);
  return sizes.every((size) => size > 0 && size <= MAX_SOCKS_LOGIN_BYTES);
}
