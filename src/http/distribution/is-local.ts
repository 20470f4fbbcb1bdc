import type { HttpRequest } from './request.ts';

/** What proxies add. Any of them, even empty, means that the peer is not who asks. */
const ADDED_BY_PROXIES = [
  'forwarded',
  'x-forwarded-by',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-real-ip',
] as const;

const LOOPBACK_IPV4 = /^127(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

type LocalRequest = Pick<HttpRequest, 'remoteAddress' | 'localPort' | 'signal' | 'header'>;

/**
 * Whether whoever asks is on this machine, as far as a request can tell: the peer is loopback or at a unix socket, the
 * `Host` is loopback too (a page of a web browser that was led here by its own name is not local), and no proxy has
 * added a header. A proxy on this machine that adds none and sets `Host` to our address cannot be told from a client.
 */
export function isLocal(request: LocalRequest): boolean {
  if (!isLoopbackPeer(request) || !isLoopbackHost(request.header('host'))) return false;
  return ADDED_BY_PROXIES.every((name) => request.header(name) === undefined);
}

/** Whether an IP address, as an operating system writes it, is one of this machine alone. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || LOOPBACK_IPV4.test(address.replace(/^::ffff:/i, ''));
}

function isLoopbackPeer(request: LocalRequest): boolean {
  const { remoteAddress, localPort } = request;
  if (remoteAddress !== '') return isLoopbackAddress(remoteAddress);
  // A unix socket has neither address nor port. A TCP connection that was reset has lost its address, too.
  // Its signal is made when it is asked for, which is more work than all of this.
  return localPort === undefined && !request.signal.aborted;
}

/** Only as it is usually written: other spellings of loopback are refused. */
export function isLoopbackHost(host: string | undefined): boolean {
  const [, name = ''] = /^([^:]+|\[::1\])(?::\d{1,5})?$/.exec(host ?? '') ?? [];
  return name.toLowerCase() === 'localhost' || name === '[::1]' || LOOPBACK_IPV4.test(name);
}
