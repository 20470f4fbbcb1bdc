// SOCKS5: RFC 1928, with the login of RFC 1929. Names go to the proxy as they are, for it to resolve.
import type { ProxyLogin } from '../../config/proxy-url.ts';
import { addressBytes } from '../../remote/address.ts';
import { SendError } from '../../remote/send.ts';
import type { Conversation, Turn } from './conversation.ts';
import { type TunnelTarget, loginRefused } from './http-tunnel.ts';

const VERSION = 5;
const LOGIN_VERSION = 1;
const CONNECT = 1;
const NO_LOGIN = 0;
const USERNAME_PASSWORD = 2;
const NO_METHOD = 0xff;
const IPV4 = 1;
const DOMAIN = 3;
const IPV6 = 4;

/** By the byte that a proxy answers with. The rest means that the proxy cannot do it at all. */
const FAILURES: Readonly<Record<number, readonly ['PROXY' | 'PROXY_REFUSED', string]>> = {
  1: ['PROXY', 'could not reach that host; it says no more'],
  2: ['PROXY_REFUSED', 'does not allow that host or its port'],
  3: ['PROXY', 'could not reach the network of that host'],
  4: ['PROXY', 'could not reach that host, or does not know its name'],
  5: ['PROXY', 'could not reach that host, which refused the connection'],
  6: ['PROXY', 'could not reach that host in time'],
};

/** Asks a SOCKS5 proxy for a connection to the target. */
export function* socks5Tunnel(target: TunnelTarget, login: ProxyLogin | undefined): Conversation {
  const methods = login === undefined ? [NO_LOGIN] : [NO_LOGIN, USERNAME_PASSWORD];
  const [version, method = NO_METHOD] = yield ask([VERSION, methods.length, ...methods], bytes(2));
  if (version !== VERSION) throw notSocks();
  if (method === NO_METHOD) throw loginRefused(login, 'no method of login in common');
  if (!methods.includes(method)) throw notSocks();
  if (method === USERNAME_PASSWORD && login !== undefined) yield* logIn(login);
  const reply = yield ask([VERSION, CONNECT, 0, ...addressOf(target.hostname), ...twoBytes(target.port)], replyEnd);
  if (reply[0] !== VERSION) throw notSocks();
  const code = reply[1] ?? 0;
  if (code === 0) return;
  const [failure, words] = FAILURES[code] ?? ['PROXY_REFUSED', 'cannot do what it is asked'];
  throw new SendError(failure, words, { detail: `SOCKS5 reply ${code}` });
}

function* logIn(login: ProxyLogin): Conversation {
  const [, status] = yield ask([LOGIN_VERSION, ...counted(login.username), ...counted(login.password)], bytes(2));
  if (status !== 0) throw loginRefused(login, `SOCKS5 login status ${status}`);
}

function ask(say: readonly number[], answerEnd: Turn['answerEnd']): Turn {
  return { say: Uint8Array.from(say), answerEnd };
}

function bytes(count: number): Turn['answerEnd'] {
  return (heard) => (heard.byteLength >= count ? count : undefined);
}

// A refusal may come without the address that belongs to it.
function replyEnd(heard: Uint8Array): number | undefined {
  if (heard.byteLength >= 2 && (heard[0] !== VERSION || heard[1] !== 0)) return heard.byteLength;
  const [, , , type, length] = heard;
  if (type === undefined || (type === DOMAIN && length === undefined)) return undefined;
  const addressBytes = type === IPV4 ? 4 : type === IPV6 ? 16 : type === DOMAIN ? 1 + (length ?? 0) : undefined;
  if (addressBytes === undefined) throw notSocks();
  const end = 4 + addressBytes + 2;
  return heard.byteLength >= end ? end : undefined;
}

function addressOf(hostname: string): readonly number[] {
  const literal = addressBytes(hostname);
  if (literal === undefined) return [DOMAIN, ...counted(hostname)];
  return [literal.length === 4 ? IPV4 : IPV6, ...literal];
}

function counted(text: string): readonly number[] {
  const encoded = Buffer.from(text);
  if (encoded.byteLength > 255) throw new SendError('PROXY_REFUSED', 'takes no name of more than 255 bytes');
  return [encoded.byteLength, ...encoded];
}

function twoBytes(port: number): readonly number[] {
  return [port >>> 8, port & 0xff];
}

function notSocks(): SendError {
  return new SendError('PROXY', 'answered with something that is not SOCKS5; is it an HTTP proxy?');
}
