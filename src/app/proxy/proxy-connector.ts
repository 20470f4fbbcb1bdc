import type { Socket } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import type { ProxyAddress } from '../../config/proxy-url.ts';
import { SendError } from '../../remote/send.ts';
import { sendErrorFrom } from '../send-failures.ts';
import { type Conversation, converse } from './conversation.ts';
import { httpTunnel } from './http-tunnel.ts';
import { socks5Tunnel } from './socks5-tunnel.ts';

interface ProxyConnectorOptions {
  readonly proxy: ProxyAddress;
  /** How the origin's certificate is judged. That of the proxy itself is judged in the system's way. */
  readonly tls: buildConnector.BuildOptions;
  /** Breaks off what is said to the proxy before there is a connection. */
  readonly signal: AbortSignal;
}

type Target = buildConnector.Options;

const CONNECT_TIMEOUT_MS = 10_000;
/** The proxy resolves a name and connects to it before it answers. */
const TUNNEL_TIMEOUT_MS = 20_000;

/** Whether requests to the origin are sent to the proxy itself, with their whole URL, rather than through a tunnel. */
export function isForwarded({ protocol }: { readonly protocol: string }, { kind }: ProxyAddress): boolean {
  // As proxies are usually set up, CONNECT leads to the ports of TLS only.
  return protocol === 'http:' && kind !== 'socks5';
}

/** Makes connections that lead through the proxy. Fails with a SendError that names it. */
export function proxyConnector({ proxy, tls, signal }: ProxyConnectorOptions): buildConnector.connector {
  const toProxy = buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false });
  const startTls = buildConnector(tls);
  const reach = async (target: Target) => {
    const { hostname, port } = proxy;
    const protocol = proxy.kind === 'https' ? 'https:' : 'http:';
    const socket = await connected(toProxy, { hostname, host: hostname, protocol, port: `${port}` });
    if (!isForwarded(target, proxy)) await openTunnel(socket, conversationOf(proxy, target), signal);
    return socket;
  };
  const connect = async (target: Target) => {
    const httpSocket = await reach(target).catch((error: unknown) => {
      throw behindProxy(proxy, error);
    });
    return target.protocol === 'https:' ? await connected(startTls, { ...target, httpSocket }) : httpSocket;
  };
  const byCallback = callbackify(connect);
  return (target, callback) => {
    byCallback(target, (error: Error | null, socket) =>
      error === null ? callback(null, socket) : callback(error, null),
    );
  };
}

/** A failure that is the proxy's, in a sentence that begins with the host that was wanted. Bugs come back as they are. */
export function behindProxy({ name }: ProxyAddress, thrown: unknown): unknown {
  const error = sendErrorFrom(thrown);
  if (!(error instanceof SendError)) return error;
  const failure = error.failure === 'PROXY_REFUSED' ? error.failure : 'PROXY';
  const words =
    error.failure === 'TLS'
      ? 'is not trusted, or speaks no TLS; NODE_EXTRA_CA_CERTS names more to trust'
      : error.message;
  const detail = error.detail === undefined ? {} : { detail: error.detail };
  return new SendError(failure, `is behind the proxy ${name}, which ${words}`, { cause: error, ...detail });
}

function conversationOf({ kind, login }: ProxyAddress, { hostname, port, protocol }: Target): Conversation {
  const target = { hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)) };
  return kind === 'socks5' ? socks5Tunnel(target, login) : httpTunnel(target, login);
}

async function openTunnel(socket: Socket, conversation: Conversation, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(TUNNEL_TIMEOUT_MS);
  try {
    await converse(socket, conversation, AbortSignal.any([signal, deadline]));
  } catch (error) {
    socket.destroy();
    if (deadline.aborted) throw new SendError('PROXY', 'did not open a connection in time', { cause: error });
    throw error;
  }
}

async function connected(connector: buildConnector.connector, target: Target): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  connector(target, (error, socket) => (error === null ? resolve(socket) : reject(error)));
  return await promise;
}
