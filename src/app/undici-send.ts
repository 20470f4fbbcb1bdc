// The network port on Node: undici's pools of HTTP/1.1 connections. Only files of this folder know undici.
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import type { ProxyAddress } from '../config/proxy-url.ts';
import type { ChooseProxy } from '../remote/proxy-environment.ts';
import { type Reach, type Send, SendError, type SendRequest, type SendResponse } from '../remote/send.ts';
import { basic, refusalOf } from './proxy/http-tunnel.ts';
import { behindProxy, isForwarded } from './proxy/proxy-connector.ts';
import { RequestBody } from './request-body.ts';
import { type TlsSettings, openAgent } from './undici-agent.ts';
import { UndiciExchange } from './undici-exchange.ts';

interface UndiciOptions {
  /** By origin, `https://host:port`; looked at when the first connection to it is made. */
  readonly tls?: ReadonlyMap<string, TlsSettings>;
}

type Agents = Record<Reach, Agent>;

/** Dispose of it to close its connections; what is in flight then ends first. */
export class UndiciSend implements AsyncDisposable {
  readonly #tls: ReadonlyMap<string, TlsSettings>;
  readonly #agents: Agent[] = [];
  readonly #stop = new AbortController();
  /** Without any proxy. */
  readonly send: Send;

  constructor({ tls = new Map() }: UndiciOptions = {}) {
    this.#tls = tls;
    this.send = this.through(() => undefined);
  }

  /** The network by way of these proxies, with connections of its own. */
  through(chooseProxy: ChooseProxy): Send {
    const options = { tls: this.#tls, chooseProxy, signal: this.#stop.signal };
    const agents = {
      configured: openAgent({ ...options, reach: 'configured' }),
      public: openAgent({ ...options, reach: 'public' }),
    };
    this.#agents.push(agents.configured, agents.public);
    return (request) => exchange(agents, request, chooseProxy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SendError('CONNECTION_LOST', 'is no longer wanted'));
    await Promise.all(this.#agents.map((agent) => agent.destroy()));
  }
}

async function exchange(agents: Agents, request: SendRequest, chooseProxy: ChooseProxy): Promise<SendResponse> {
  const undici = new UndiciExchange(request.signal);
  const streamed =
    request.body instanceof ReadableStream
      ? new RequestBody(request.body, request.idleTimeoutMs, (error) => undici.abort(error))
      : undefined;
  try {
    request.signal?.throwIfAborted();
    const forwarder = forwarderFor(request.url, chooseProxy);
    const options = {
      origin: request.url.origin,
      path: `${forwarder === undefined ? '' : request.url.origin}${request.url.pathname}${request.url.search}`,
      method: request.method,
      headers: headersOf(request, forwarder),
      // undici takes any async iterable as a body, though its types name streams only.
      body: (streamed as unknown as Readable | undefined) ?? (request.body as Uint8Array | undefined) ?? null,
      headersTimeout: request.headersTimeoutMs,
      bodyTimeout: request.idleTimeoutMs,
      // It would else give up the connection of each HEAD.
      reset: false,
    };
    agents[request.reach].dispatch(options, undici);
    const response = await undici.answer;
    if (forwarder === undefined || !isOfProxy(response)) return response;
    const refusal = refusalOf(response.status, forwarder.login);
    if (refusal === undefined) return response;
    await response.body.discard();
    throw behindProxy(forwarder, refusal);
  } catch (error) {
    // A request that failed because its body did is the body's failure.
    throw streamed?.failure === undefined ? error : streamed.failure.error;
  } finally {
    streamed?.close();
  }
}

/** The proxy that is asked for whole URLs, and answers for the origin or for itself. */
function forwarderFor(url: URL, chooseProxy: ChooseProxy): ProxyAddress | undefined {
  const proxy = chooseProxy(url);
  return proxy !== undefined && isForwarded(url, proxy) ? proxy : undefined;
}

/** Of a request that was forwarded. An answer of the proxy's own says so, if only in the way that it signs it. */
function isOfProxy({ status, headers }: SendResponse): boolean {
  return status === 407 || /^(?:tinyproxy|squid)\b/i.test(headers.get('server') ?? '');
}

function headersOf({ headers, sizeBytes }: SendRequest, forwarder: ProxyAddress | undefined): Record<string, string> {
  return {
    ...headers,
    ...(sizeBytes !== undefined && { 'content-length': String(sizeBytes) }),
    ...(forwarder?.login !== undefined && { 'proxy-authorization': basic(forwarder.login) }),
  };
}
