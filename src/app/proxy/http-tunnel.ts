import type { ProxyLogin } from '../../config/proxy-url.ts';
import { SendError } from '../../remote/send.ts';
import type { Conversation } from './conversation.ts';

export interface TunnelTarget {
  /** A name, or an address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

const NOTHING = new Uint8Array();
const MAX_INTERIM_ANSWERS = 10;

/** Asks an HTTP proxy for a connection to the target: RFC 9110, section 9.3.6. */
export function* httpTunnel({ hostname, port }: TunnelTarget, login: ProxyLogin | undefined): Conversation {
  const authority = hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  const headers = [`Host: ${authority}`, ...(login === undefined ? [] : [`Proxy-Authorization: ${basic(login)}`])];
  let say: Uint8Array = Buffer.from(`CONNECT ${authority} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
  for (let answers = 0; answers <= MAX_INTERIM_ANSWERS; answers += 1) {
    const status = statusOf(yield { say, answerEnd });
    const refusal = refusalOf(status, login);
    if (status >= 200 && refusal !== undefined) throw refusal;
    if (status >= 200) return;
    say = NOTHING;
  }
  throw notHttp();
}

export function basic({ username, password }: ProxyLogin): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The proxy asks for a login, or does not take the one it was given. */
export function loginRefused(login: ProxyLogin | undefined, detail: string): SendError {
  const words =
    login === undefined
      ? 'wants a login; put its user and password into its URL, as in http://USER:PASSWORD@HOST:PORT'
      : 'refuses the login; check the user and the password in its URL';
  return new SendError('PROXY_REFUSED', words, { detail });
}

/** What it means that the proxy itself gave this answer; `undefined` where it did what it was asked. */
export function refusalOf(status: number, login: ProxyLogin | undefined): SendError | undefined {
  if (status < 300) return undefined;
  // tinyproxy answers 401 where it means 407.
  if (status === 407 || status === 401) return loginRefused(login, `${status}`);
  if (status >= 500 || status === 408 || status === 429) {
    return new SendError('PROXY', `answered ${status}; it could not reach that host`);
  }
  return new SendError('PROXY_REFUSED', `answered ${status}; its rules forbid that host or its port`);
}

function answerEnd(heard: Uint8Array): number | undefined {
  const text = Buffer.from(heard.buffer, heard.byteOffset, heard.byteLength);
  if (!'HTTP/1.'.startsWith(text.toString('latin1', 0, 7))) return text.byteLength;
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? undefined : end + 4;
}

function statusOf(answer: Uint8Array): number {
  const [, status] = /^HTTP\/1\.[01] ([1-5]\d\d)[ \r]/.exec(Buffer.from(answer).toString('latin1')) ?? [];
  if (status === undefined) throw notHttp();
  return Number(status);
}

function notHttp(): SendError {
  return new SendError('PROXY', 'answered with something that is not HTTP; is it a SOCKS proxy?');
}
