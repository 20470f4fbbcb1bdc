import { isIP } from 'node:net';
import type { AddressRanges } from './address-ranges.ts';
import type { HttpHandler, HttpRequest } from './distribution/request.ts';

type AddressedRequest = Pick<HttpRequest, 'remoteAddress' | 'header'>;

/** More proxies in a row than anybody has. */
const MAX_PROXIES = 20;

/**
 * Whose request it is. Each proxy adds the address that it was asked from at the right of X-Forwarded-For, so the list is
 * read from there, as long as whoever added an entry is trusted. What anybody else has written is never believed.
 */
export function clientAddress(request: AddressedRequest, trustedProxies: AddressRanges): string {
  let address = peerAddress(request);
  if (!trustedProxies.has(address)) return address;
  const entries = (request.header('x-forwarded-for') ?? '').split(',');
  for (const entry of entries.toReversed().slice(0, MAX_PROXIES)) {
    const forwarded = addressIn(entry);
    // Who is trusted and writes no address leaves us with his own.
    if (forwarded === undefined) return address;
    address = forwarded;
    if (!trustedProxies.has(address)) return address;
  }
  return address;
}

/** Whether a request comes from a proxy whose headers are believed. */
export function isFromProxy(request: AddressedRequest, trustedProxies: AddressRanges): boolean {
  return trustedProxies.has(peerAddress(request));
}

/** Tells the log whose request it is, where a trusted proxy brought it. */
export function notingClient(trustedProxies: () => AddressRanges, handler: HttpHandler): HttpHandler {
  return (request) => {
    const trusted = trustedProxies();
    if (isFromProxy(request, trusted)) request.note?.('client', clientAddress(request, trusted));
    return handler(request);
  };
}

/** Who is at a unix socket is on this machine. */
function peerAddress({ remoteAddress }: AddressedRequest): string {
  return remoteAddress === '' ? '127.0.0.1' : withoutMapping(remoteAddress);
}

/** Some write a port, too: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim().replace(/^"(.*)"$/, '$1');
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  const [, beforePort] = /^([\d.]+):\d{1,5}$/.exec(text) ?? [];
  const address = withoutMapping(bracketed ?? beforePort ?? text);
  return isIP(address) === 0 ? undefined : address;
}

function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
