// The network port on Node: undici's pools of HTTP/1.1 connections. Only this file and the next know undici.
import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { Readable } from 'node:stream';
import { Agent, Pool } from 'undici';
import { isAddressLiteral, isAllowedAddress } from '../remote/address.ts';
import { type Reach, type Send, SendError, type SendRequest } from '../remote/send.ts';
import { RequestBody } from './request-body.ts';
import { UndiciExchange } from './undici-exchange.ts';

/** How an origin's certificate is judged, where that differs from the system's way. */
export interface TlsSettings {
  /** Certificates to trust besides the usual ones, as PEM text. */
  readonly ca?: string | undefined;
  /** No check at all. */
  readonly insecure?: boolean | undefined;
}

interface UndiciOptions {
  /** By origin, `https://host:port`; looked at when the first connection to it is made. */
  readonly tls?: ReadonlyMap<string, TlsSettings>;
}

// More than an origin's places for requests and transfers together, so none of them waits here for another.
const CONNECTIONS_PER_ORIGIN = 192;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

/** Dispose of it to close its connections; what is in flight then ends first. */
export class UndiciSend implements AsyncDisposable {
  readonly #agents: Record<Reach, Agent>;

  constructor({ tls = new Map() }: UndiciOptions = {}) {
    this.#agents = { configured: agent('configured', tls), public: agent('public', tls) };
  }

  readonly send: Send = async (request) => {
    const exchange = new UndiciExchange(request.signal);
    const streamed =
      request.body instanceof ReadableStream
        ? new RequestBody(request.body, request.idleTimeoutMs, (error) => exchange.abort(error))
        : undefined;
    const { url } = request;
    const options = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method,
      headers: headersOf(request),
      // undici takes any async iterable as a body, though its types name streams only.
      body: (streamed as unknown as Readable | undefined) ?? (request.body as Uint8Array | undefined) ?? null,
      headersTimeout: request.headersTimeoutMs,
      bodyTimeout: request.idleTimeoutMs,
      // It would else give up the connection of each HEAD.
      reset: false,
    };
    try {
      request.signal?.throwIfAborted();
      this.#agents[request.reach].dispatch(options, exchange);
      return await exchange.answer;
    } catch (error) {
      // A request that failed because its body did is the body's failure.
      throw streamed?.failure === undefined ? error : streamed.failure.error;
    } finally {
      streamed?.close();
    }
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#agents.configured.destroy(), this.#agents.public.destroy()]);
  }
}

function agent(reach: Reach, tls: NonNullable<UndiciOptions['tls']>): Agent {
  return new Agent({
    factory(origin, options: object) {
      const url = new URL(origin);
      checkLiteral(url.hostname, reach);
      const own = tls.get(url.origin);
      const connect = {
        timeout: CONNECT_TIMEOUT_MS,
        lookup: checkedLookup(reach),
        ...(own?.ca !== undefined && { ca: [...rootCertificates, own.ca] }),
        ...(own?.insecure === true && { rejectUnauthorized: false }),
      };
      return new Pool(origin, {
        ...options,
        connections: CONNECTIONS_PER_ORIGIN,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connect,
      });
    },
  });
}

// The address that was checked is the address that is connected to: a name cannot change its mind in between.
function checkedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, []);
      const allowed = addresses.filter(({ address }) => isAllowedAddress(address, reach));
      const first = allowed[0];
      if (first === undefined) return callback(forbidden(hostname, addresses[0]?.address), []);
      return options.all === true ? callback(null, allowed) : callback(null, first.address, first.family);
    });
  };
}

function checkLiteral(hostname: string, reach: Reach): void {
  if (isAddressLiteral(hostname) && !isAllowedAddress(hostname, reach)) throw forbidden(hostname, hostname);
}

function forbidden(hostname: string, address = hostname): SendError {
  return new SendError(
    'FORBIDDEN_ADDRESS',
    `leads to ${address}, an internal address that nothing from outside may name`,
  );
}

function headersOf({ headers, sizeBytes }: SendRequest): Record<string, string> {
  return sizeBytes === undefined ? headers : { ...headers, 'content-length': String(sizeBytes) };
}
