// The connections to all origins that are reached in one way: each origin has its pool.
import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Agent, Pool } from 'undici';
import { isAddressLiteral, isAllowedAddress } from '../remote/address.ts';
import type { ChooseProxy } from '../remote/proxy-environment.ts';
import { type Reach, SendError } from '../remote/send.ts';
import { proxyConnector } from './proxy/proxy-connector.ts';

/** How an origin's certificate is judged, where that differs from the system's way. */
export interface TlsSettings {
  /** Certificates to trust besides the usual ones, as PEM text. */
  readonly ca?: string | undefined;
  /** No check at all. */
  readonly insecure?: boolean | undefined;
  /** What we show to who asks for a certificate, as PEM texts. */
  readonly own?: { readonly cert: string; readonly key: string } | undefined;
}

export interface AgentOptions {
  readonly reach: Reach;
  /** By origin, `https://host:port`; looked at when the first connection to it is made. */
  readonly tls: ReadonlyMap<string, TlsSettings>;
  readonly chooseProxy: ChooseProxy;
  /** Breaks off connections in the making. */
  readonly signal: AbortSignal;
}

// More than an origin's places for requests and transfers together, so none of them waits here for another.
const CONNECTIONS_PER_ORIGIN = 192;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

export function openAgent({ reach, tls, chooseProxy, signal }: AgentOptions): Agent {
  return new Agent({
    factory(origin, options: object) {
      const url = new URL(origin);
      checkLiteral(url.hostname, reach);
      const settings = tls.get(url.origin);
      const connect = {
        timeout: CONNECT_TIMEOUT_MS,
        ...(settings?.ca !== undefined && { ca: [...rootCertificates, settings.ca] }),
        ...(settings?.insecure === true && { rejectUnauthorized: false }),
        ...settings?.own,
      };
      const proxy = chooseProxy(url);
      return new Pool(origin, {
        ...options,
        connections: CONNECTIONS_PER_ORIGIN,
        keepAliveTimeout: KEEP_ALIVE_MS,
        // A proxy resolves names itself: what they mean here says nothing of where it goes.
        connect:
          proxy === undefined
            ? { ...connect, lookup: checkedLookup(reach) }
            : proxyConnector({ proxy, tls: connect, signal }),
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
